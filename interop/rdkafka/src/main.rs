//! rdkafka as a user of a broker. Usage: checks HOST:PORT [NAME]

fn main() {
    let (_, librdkafka) = rdkafka::util::get_rdkafka_version();
    println!("client: rdkafka 0.39.0 (librdkafka {librdkafka})");
}
