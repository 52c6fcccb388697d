import java.util.concurrent.atomic.AtomicInteger;

/**
 * The moment at which an application is to be killed: it says that it is there, and that thread of it does no more. The
 * stalled one goes on, after longer than a consumer may be silent.
 */
final class Moment {
    /** Records are read, nothing is done with them. */
    static final String POLLED = "polled";
    /** Some results are handed to the producer, and not all are written. */
    static final String SENDING = "sending";
    /** All results are acknowledged, the offsets are not committed. */
    static final String SENT = "sent";
    /** The commit is on its way. */
    static final String COMMITTING = "committing";
    static final String STALLED = "stalled";

    private final String name;
    private final AtomicInteger left;

    Moment(String name, int n) {
        this.name = name;
        left = new AtomicInteger(n);
    }

    void reached(String moment) {
        if (!is(moment) || left.decrementAndGet() != 0) return;
        App.tell("at " + name);
        try {
            Thread.sleep(name.equals(STALLED) ? Settings.MAX_POLL_INTERVAL_MS + 3_000 : Long.MAX_VALUE);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    boolean is(String moment) {
        return name.equals(moment);
    }
}
