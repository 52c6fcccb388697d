//! TLS, SASL, authorisation, delegation tokens.

use stdx::properties::Importance::{High, Low, Medium};
use stdx::properties::{Property, Validator, any_list, at_least, between, one_of, one_of_ignoring_case};

/// TLS, SASL, authorisation, delegation tokens.
#[rustfmt::skip]
pub(super) static SECURITY: &[Property] = &[
    Property::string("security.inter.broker.protocol", Medium).default("PLAINTEXT").valid(one_of(&["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]))
        .doc("Security protocol between brokers, where `inter.broker.listener.name` is not set."),
    Property::string("authorizer.class.name", Low).default("").valid(Validator::NonNull)
        .doc("Class that decides who may do what. Empty: everybody may do everything."),
    Property::class("principal.builder.class", Medium).default("org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder").per_process()
        .doc("Class that turns an authenticated connection into a principal."),
    Property::long("connections.max.reauth.ms", Medium).default("0")
        .doc("A client must authenticate again after this time. 0: never."),
    Property::password("delegation.token.secret.key", Medium).null()
        .doc("Key that signs delegation tokens, the same on every node. Unset: there are no delegation tokens."),
    Property::long("delegation.token.max.lifetime.ms", Medium).default("604800000").valid(at_least(1))
        .doc("A delegation token cannot be renewed beyond this age."),
    Property::long("delegation.token.expiry.time.ms", Medium).default("86400000").valid(at_least(1))
        .doc("A delegation token expires unless it is renewed within this time."),
    Property::long("delegation.token.expiry.check.interval.ms", Low).default("3600000").valid(at_least(1))
        .doc("How often expired delegation tokens are removed."),
    Property::string("ssl.client.auth", Medium).default("none").valid(one_of(&["required", "requested", "none"])).per_process()
        .doc("Whether clients must show a certificate: `required`, `requested` or `none`."),
    Property::string("ssl.protocol", Medium).default("TLSv1.3").per_process()
        .doc("TLS version that new contexts start from."),
    Property::string("ssl.provider", Medium).null().per_process()
        .doc("Java security provider for TLS. Unset: the platform's default."),
    Property::list("ssl.cipher.suites", Medium).default("").valid(any_list()).per_process()
        .doc("Cipher suites that may be used. Empty: all that the library supports."),
    Property::list("ssl.enabled.protocols", Medium).default("TLSv1.2,TLSv1.3").valid(any_list()).per_process()
        .doc("TLS versions that may be used."),
    Property::string("ssl.endpoint.identification.algorithm", Low).default("https").per_process()
        .doc("How the name in a server's certificate is checked. Empty: not at all."),
    Property::class("ssl.engine.factory.class", Low).null().per_process()
        .doc("Class that creates TLS engines."),
    Property::password("ssl.key.password", Medium).null().per_process()
        .doc("Password of the private key."),
    Property::string("ssl.keymanager.algorithm", Medium).default("SunX509").per_process()
        .doc("Java algorithm that picks the certificate to show."),
    Property::string("ssl.keystore.type", Medium).default("JKS").per_process()
        .doc("Format of the key store, for instance `JKS`, `PKCS12` or `PEM`."),
    Property::string("ssl.keystore.location", Medium).null().per_process()
        .doc("File of the key store."),
    Property::password("ssl.keystore.password", Medium).null().per_process()
        .doc("Password of the key store file."),
    Property::password("ssl.keystore.key", Medium).null().per_process()
        .doc("Private key as PEM text, instead of a key store file."),
    Property::password("ssl.keystore.certificate.chain", Medium).null().per_process()
        .doc("Certificate chain as PEM text, instead of a key store file."),
    Property::string("ssl.truststore.type", Medium).default("JKS").per_process()
        .doc("Format of the trust store, for instance `JKS`, `PKCS12` or `PEM`."),
    Property::string("ssl.truststore.location", Medium).null().per_process()
        .doc("File of the trust store."),
    Property::password("ssl.truststore.password", Medium).null().per_process()
        .doc("Password of the trust store file."),
    Property::password("ssl.truststore.certificates", Medium).null().per_process()
        .doc("Trusted certificates as PEM text, instead of a trust store file."),
    Property::string("ssl.trustmanager.algorithm", Medium).default("PKIX").per_process()
        .doc("Java algorithm that checks the other side's certificate."),
    Property::string("ssl.secure.random.implementation", Low).null().per_process()
        .doc("Java source of random numbers for TLS."),
    Property::string("ssl.principal.mapping.rules", Low).default("DEFAULT")
        .doc("Rules that shorten the distinguished name of a client certificate to a principal name."),
    Property::boolean("ssl.allow.dn.changes", Low).default("false")
        .doc("Whether a key store loaded at run time may have another distinguished name."),
    Property::boolean("ssl.allow.san.changes", Low).default("false")
        .doc("Whether a key store loaded at run time may have other alternative names."),
    Property::list("sasl.enabled.mechanisms", Medium).default("GSSAPI").valid(any_list()).per_process()
        .doc("SASL mechanisms that clients may use."),
    Property::string("sasl.mechanism.inter.broker.protocol", Medium).default("GSSAPI").per_process()
        .doc("SASL mechanism between brokers."),
    Property::string("sasl.mechanism.controller.protocol", High).default("GSSAPI")
        .doc("SASL mechanism towards controllers."),
    Property::password("sasl.jaas.config", Medium).null().per_process()
        .doc("Login module and its options for SASL, as one line in JAAS syntax. In front goes `listener.name.<name>.<mechanism>.`."),
    Property::class("sasl.client.callback.handler.class", Medium).null()
        .doc("Class that answers SASL questions on the client side."),
    Property::class("sasl.server.callback.handler.class", Medium).null()
        .doc("Class that answers SASL questions on the server side."),
    Property::class("sasl.login.class", Medium).null()
        .doc("Class that performs the SASL login."),
    Property::class("sasl.login.callback.handler.class", Medium).null()
        .doc("Class that answers questions of the SASL login."),
    Property::int("sasl.server.max.receive.size", Medium).default("524288")
        .doc("Largest packet accepted before and during SASL authentication."),
    Property::string("sasl.kerberos.service.name", Medium).null().per_process()
        .doc("Kerberos service name of the brokers."),
    Property::string("sasl.kerberos.kinit.cmd", Medium).default("/usr/bin/kinit").per_process()
        .doc("Path of the kinit program."),
    Property::long("sasl.kerberos.min.time.before.relogin", Medium).default("60000").per_process()
        .doc("Shortest time between two Kerberos logins."),
    Property::double("sasl.kerberos.ticket.renew.jitter", Medium).default("0.05").per_process()
        .doc("Random part of the Kerberos renewal time, as a fraction."),
    Property::double("sasl.kerberos.ticket.renew.window.factor", Medium).default("0.8").per_process()
        .doc("A Kerberos ticket is renewed after this fraction of its life."),
    Property::list("sasl.kerberos.principal.to.local.rules", Medium).default("DEFAULT").valid(any_list()).per_process()
        .doc("Rules that shorten a Kerberos principal to a user name. The first that fits is used."),
    Property::int("sasl.login.connect.timeout.ms", Low).null()
        .doc("How long connecting to an outside identity provider may take."),
    Property::int("sasl.login.read.timeout.ms", Low).null()
        .doc("How long reading from an outside identity provider may take."),
    Property::double("sasl.login.refresh.window.factor", Medium).default("0.8").per_process()
        .doc("A credential is refreshed after this fraction of its life."),
    Property::double("sasl.login.refresh.window.jitter", Medium).default("0.05").per_process()
        .doc("Random part of the refresh time of a credential, as a fraction."),
    Property::short("sasl.login.refresh.min.period.seconds", Medium).default("60").per_process()
        .doc("Shortest time between two refreshes of a credential."),
    Property::short("sasl.login.refresh.buffer.seconds", Medium).default("300").per_process()
        .doc("A credential is refreshed at least this long before it expires."),
    Property::long("sasl.login.retry.backoff.ms", Low).default("100")
        .doc("First wait before a login at the identity provider is tried again."),
    Property::long("sasl.login.retry.backoff.max.ms", Low).default("10000")
        .doc("Longest wait before a login at the identity provider is tried again."),
    Property::string("sasl.oauthbearer.token.endpoint.url", Medium).null()
        .doc("Where tokens are requested from the identity provider."),
    Property::string("sasl.oauthbearer.jwks.endpoint.url", Medium).null()
        .doc("Where the keys that verify tokens are read from."),
    Property::long("sasl.oauthbearer.jwks.endpoint.refresh.ms", Low).default("3600000")
        .doc("How often the keys that verify tokens are read again."),
    Property::long("sasl.oauthbearer.jwks.endpoint.retry.backoff.ms", Low).default("100")
        .doc("First wait before a failed read of the keys is tried again."),
    Property::long("sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms", Low).default("10000")
        .doc("Longest wait before a failed read of the keys is tried again."),
    Property::class("sasl.oauthbearer.jwt.retriever.class", Medium).default("org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever")
        .doc("Class that obtains tokens."),
    Property::class("sasl.oauthbearer.jwt.validator.class", Medium).default("org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator")
        .doc("Class that checks tokens."),
    Property::string("sasl.oauthbearer.scope", Medium).null()
        .doc("Scope that a token is requested with."),
    Property::string("sasl.oauthbearer.scope.claim.name", Low).default("scope")
        .doc("Name of the claim that holds a token's scope."),
    Property::string("sasl.oauthbearer.sub.claim.name", Low).default("sub")
        .doc("Name of the claim that holds a token's subject."),
    Property::list("sasl.oauthbearer.expected.audience", High).default("").valid(any_list())
        .doc("A token must be made out for one of these."),
    Property::string("sasl.oauthbearer.expected.issuer", High).null()
        .doc("A token must come from this issuer."),
    Property::boolean("sasl.oauthbearer.allow.unverified.audience", Medium).default("false")
        .doc("Whether tokens are accepted without a check of whom they are made out for."),
    Property::boolean("sasl.oauthbearer.allow.unverified.issuer", Medium).default("false")
        .doc("Whether tokens are accepted without a check of who issued them."),
    Property::int("sasl.oauthbearer.clock.skew.seconds", Low).default("30")
        .doc("How far the clocks of the identity provider and the broker may differ."),
    Property::string("sasl.oauthbearer.client.credentials.client.id", Medium).null()
        .doc("Client id shown to the identity provider."),
    Property::password("sasl.oauthbearer.client.credentials.client.secret", Medium).null()
        .doc("Client secret shown to the identity provider."),
    Property::string("sasl.oauthbearer.assertion.algorithm", Medium).default("RS256").valid(one_of_ignoring_case(&["ES256", "RS256"]))
        .doc("Signature algorithm of a self-made assertion."),
    Property::string("sasl.oauthbearer.assertion.claim.aud", Medium).null()
        .doc("`aud` claim of a self-made assertion."),
    Property::int("sasl.oauthbearer.assertion.claim.exp.seconds", Low).default("300").valid(between(0, 86_400))
        .doc("How long a self-made assertion is valid."),
    Property::string("sasl.oauthbearer.assertion.claim.iss", Medium).null()
        .doc("`iss` claim of a self-made assertion."),
    Property::boolean("sasl.oauthbearer.assertion.claim.jti.include", Medium).default("false")
        .doc("Whether a self-made assertion carries a unique id."),
    Property::int("sasl.oauthbearer.assertion.claim.nbf.seconds", Low).default("60").valid(between(0, 3600))
        .doc("How far in the past the validity of a self-made assertion begins."),
    Property::string("sasl.oauthbearer.assertion.claim.sub", Medium).null()
        .doc("`sub` claim of a self-made assertion."),
    Property::string("sasl.oauthbearer.assertion.file", Medium).null()
        .doc("File with a ready-made assertion."),
    Property::string("sasl.oauthbearer.assertion.private.key.file", Medium).null()
        .doc("PEM file with the key that signs assertions."),
    Property::password("sasl.oauthbearer.assertion.private.key.passphrase", Medium).null()
        .doc("Password of the key that signs assertions."),
    Property::string("sasl.oauthbearer.assertion.template.file", Medium).null()
        .doc("File with headers and claims that a self-made assertion starts from."),
];
