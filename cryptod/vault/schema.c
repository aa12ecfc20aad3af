/* See schema.h. */
#include "cryptod/vault/schema.h"

#include "services/cleanup.h"

/* Before one is added, the vault of the last is kept for its test: test_vault_versions.c. */
const char *const vault_migrations[] = {
        "CREATE TABLE account (id TEXT PRIMARY KEY, uid INTEGER NOT NULL, address TEXT NOT NULL, suite TEXT NOT NULL,"
        "                      created INTEGER NOT NULL) WITHOUT ROWID;"
        "CREATE TABLE slot (number INTEGER PRIMARY KEY, content BLOB NOT NULL);"
        "CREATE TABLE throttle (number INTEGER PRIMARY KEY CHECK (number = 1), content BLOB NOT NULL);",
        /* What follows is the conversation's (cryptod/conversation/); each content is sealed. */
        "CREATE TABLE cell (id INTEGER PRIMARY KEY, version INTEGER NOT NULL, content BLOB);"
        "CREATE INDEX cell_empty ON cell (id) WHERE content IS NULL;"
        "CREATE TABLE device (number INTEGER PRIMARY KEY CHECK (number = 1), content BLOB NOT NULL);"
        "CREATE TABLE key_package (ref BLOB PRIMARY KEY, cell INTEGER NOT NULL REFERENCES cell,"
        "                          last_resort INTEGER NOT NULL, not_after INTEGER NOT NULL) WITHOUT ROWID;"
        "CREATE TABLE conversation (id BLOB PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;"
        "CREATE TABLE membership (cell INTEGER PRIMARY KEY REFERENCES cell,"
        "                         conversation BLOB NOT NULL REFERENCES conversation);"
        "CREATE TABLE message (id INTEGER PRIMARY KEY, conversation BLOB NOT NULL REFERENCES "
        "conversation,"
        "                      state INTEGER NOT NULL, content BLOB NOT NULL);"
        "CREATE INDEX message_of_conversation ON message (conversation, id);"
        "CREATE TABLE outbox (number INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE, cell INTEGER,"
        "                     message INTEGER REFERENCES message, content BLOB NOT NULL);"
        "CREATE TABLE inbox (number INTEGER PRIMARY KEY CHECK (number = 1), last INTEGER NOT NULL);"
        "INSERT INTO inbox VALUES (1, 0);",
        "ALTER TABLE account ADD COLUMN redemptions INTEGER NOT NULL DEFAULT 0;",
        /* A group's state is in parts. One that was stored before, in a cell of its own, is erased: the conversation
         * keeps its history and starts anew with the next message. */
        "UPDATE cell SET content = NULL WHERE id IN (SELECT cell FROM membership);"
        "DROP TABLE membership;"
        "CREATE TABLE membership (id INTEGER PRIMARY KEY, conversation BLOB NOT NULL REFERENCES conversation,"
        "                         content BLOB NOT NULL);"
        "ALTER TABLE outbox RENAME COLUMN cell TO membership;"
        "CREATE TABLE welcome (membership INTEGER PRIMARY KEY REFERENCES membership, content BLOB NOT NULL);"
        "CREATE TABLE group_part (membership INTEGER NOT NULL REFERENCES membership, id BLOB NOT NULL,"
        "                         cell INTEGER REFERENCES cell, content BLOB, PRIMARY KEY (membership, id))"
        "                         WITHOUT ROWID;",
        ("CREATE TABLE contact (conversation BLOB PRIMARY KEY REFERENCES conversation, content BLOB NOT NULL)"
         "                      WITHOUT ROWID;"),
        /* Envelopes have lists of recipients, and what is wanted of a group outlives an epoch. Envelopes of before
         * belong to groups that are gone. */
        ("UPDATE message SET state = 4 WHERE id IN (SELECT message FROM outbox);"
         "DELETE FROM outbox;"
         "DROP TABLE welcome;"
         "CREATE TABLE wanted (membership INTEGER PRIMARY KEY REFERENCES membership, content BLOB NOT NULL);"),
        ("ALTER TABLE account ADD COLUMN label TEXT NOT NULL DEFAULT '';"
         "ALTER TABLE account ADD COLUMN idle_lock INTEGER NOT NULL DEFAULT 0;"
         "ALTER TABLE account ADD COLUMN destroyed INTEGER NOT NULL DEFAULT 0;"),
        /* Files on their way: conversation/transfer_record.h. */
        "CREATE TABLE transfer (id BLOB PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;",
        /* Messages can be referred to, erased when their time is over, and owe a receipt; others do something to them;
         * what waits for its group is kept as it will be sent (NULL: as it stands in its message). */
        ("ALTER TABLE message ADD COLUMN tag BLOB;"
         "ALTER TABLE message ADD COLUMN deadline INTEGER;"
         "ALTER TABLE message ADD COLUMN owed INTEGER NOT NULL DEFAULT 0;"
         "CREATE UNIQUE INDEX message_tag ON message (tag) WHERE tag IS NOT NULL;"
         "CREATE INDEX message_deadline ON message (deadline) WHERE deadline IS NOT NULL;"
         "CREATE INDEX message_owed ON message (conversation, id) WHERE owed > 0;"
         "CREATE TABLE message_erased (number INTEGER PRIMARY KEY CHECK (number = 1), last INTEGER NOT NULL);"
         "INSERT INTO message_erased VALUES (1, 0);"
         "CREATE TABLE annotation (target BLOB NOT NULL, kind INTEGER NOT NULL, author BLOB NOT NULL,"
         "                         conversation BLOB NOT NULL, waiting INTEGER, content BLOB NOT NULL,"
         "                         PRIMARY KEY (target, kind, author)) WITHOUT ROWID;"
         "CREATE INDEX annotation_of_conversation ON annotation (conversation, kind);"
         "CREATE INDEX annotation_waiting ON annotation (conversation, waiting) WHERE waiting IS NOT NULL;"
         "CREATE TABLE unsent (number INTEGER PRIMARY KEY AUTOINCREMENT, conversation BLOB NOT NULL, message INTEGER,"
         "                     content BLOB);"
         "INSERT INTO unsent SELECT NULL, conversation, id, NULL FROM message WHERE state = 0 ORDER BY id;"
         "CREATE TABLE retention_clock (number INTEGER PRIMARY KEY CHECK (number = 1), time INTEGER NOT NULL,"
         "                              wall INTEGER NOT NULL, up INTEGER NOT NULL, boot BLOB NOT NULL);"
         "CREATE TABLE setting (conversation BLOB PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;"
         "CREATE TABLE draft (conversation BLOB PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;"),
        /* What is unread is counted without a look at each message. */
        "CREATE INDEX message_received ON message (conversation, id, state) WHERE state = 3;",
        /* The account's further hubs (hubs.h), and for which of them a key package is: 0 for its own. */
        ("CREATE TABLE hub (number INTEGER PRIMARY KEY, place INTEGER NOT NULL, address TEXT NOT NULL);"
         "ALTER TABLE key_package ADD COLUMN hub INTEGER NOT NULL DEFAULT 0;"),
        /* The largest id of an envelope that a hub has answered, and how many have come; of a vault from before, they
         * are not known. */
        ("ALTER TABLE inbox ADD COLUMN concluded BLOB;"
         "ALTER TABLE inbox ADD COLUMN arrived INTEGER;"
         "UPDATE inbox SET concluded = zeroblob(16), arrived = 0 WHERE NOT EXISTS (SELECT 1 FROM account);"),
        /* What authd's failures have cost, as it said last. */
        ("ALTER TABLE account ADD COLUMN face_turn INTEGER NOT NULL DEFAULT 0;"
         "ALTER TABLE account ADD COLUMN face_failures INTEGER NOT NULL DEFAULT 0;"),
        /* enum passphrase_alone */
        "ALTER TABLE account ADD COLUMN passphrase_alone INTEGER NOT NULL DEFAULT 0;",
        /* Ways into groups that are looked for (entrance.h), and what is asked for and answered again (healing.h). */
        ("CREATE TABLE entrance (id BLOB PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;"
         "CREATE TABLE healing (conversation BLOB PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;"),
};

const unsigned vault_migration_count = COUNT_OF(vault_migrations);
