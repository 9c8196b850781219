package shop;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class TransfersTest {
    @RegisterExtension
    static final Klamm klamm = new Klamm();

    private static final String COMMITTED = "/topics/bookings/records?isolation=read_committed";

    @Test
    void bothSidesAreBooked() throws Exception {
        try (Transfers transfers = new Transfers(klamm.bootstrapServers())) {
            transfers.book("alice", "bob", 30);
        }
        String records = klamm.get(COMMITTED);
        assertTrue(records.contains("\"key\":\"alice\",\"value\":\"-30\""), records);
        assertTrue(records.contains("\"key\":\"bob\",\"value\":\"+30\""), records);
    }

    @Test
    void aTransferThatFailsLeavesNothingToReadersOfWhatIsCommitted() throws Exception {
        try (Transfers transfers = new Transfers(klamm.bootstrapServers())) {
            assertThrows(IllegalArgumentException.class, () -> transfers.book("alice", "bob", 0));
        }
        assertEquals("[]", klamm.get(COMMITTED));
        assertTrue(klamm.get("/topics/bookings/records").contains("\"key\":\"alice\""));
    }

    @Test
    void aTransferSurvivesABrokerThatCrashes() throws Exception {
        try (Transfers transfers = new Transfers(klamm.bootstrapServers())) {
            transfers.book("alice", "bob", 1);
            klamm.post("/crash", "");
            klamm.post("/restart", "");
            transfers.book("bob", "alice", 2);
        }
        String records = klamm.get(COMMITTED);
        assertEquals(4, records.split("\"offset\"").length - 1, records);
    }
}
