/* The tables of the SQLite engine, and all that it asks of them while it runs. */
#include "sqlite.h"

const char *const store_migrations[STORE_MIGRATIONS] = {
        "create table accounts ("
        " id integer primary key,"
        " name text not null unique,"
        " created integer not null);"
        /* A mailbox is a device's; an account's first device has the empty name. */
        "create table mailboxes ("
        " id integer primary key,"
        " account integer not null references accounts,"
        " device blob not null,"
        " transport_key blob not null,"
        " generation blob not null,"
        " sequence integer not null default 0,"
        " entries integer not null default 0,"
        " bytes integer not null default 0,"
        " unique (account, device));"
        "create table bodies ("
        " id integer primary key,"
        " payload blob not null);"
        "create table entries ("
        " mailbox integer not null,"
        " sequence integer not null,"
        " body integer not null,"
        " size integer not null,"
        " shared integer not null," /* 0: the body's only entry */
        " received integer not null,"
        " primary key (mailbox, sequence)) without rowid;"
        /* How many entries still point to a body that was sent to several. */
        "create table readers ("
        " body integer primary key,"
        " remaining integer not null);"
        "create table sent ("
        " id integer primary key,"
        " mailbox integer not null,"
        " message blob not null,"
        " received integer not null,"
        " unique (mailbox, message));"
        "create table groups ("
        " name blob primary key,"
        " epoch integer not null,"
        " changed integer not null) without rowid;"
        "create index groups_changed on groups (changed);"
        "create table key_packages ("
        " id integer primary key,"
        " mailbox integer not null,"
        " last_resort integer not null,"
        " package blob not null);"
        "create index key_packages_stock on key_packages (mailbox, last_resort, id);",

        "create table invitations ("
        " token blob primary key," /* SHA-256 of it */
        " uses integer not null,"
        " until integer not null) without rowid;"
        /* A deleted account has this time and no mailbox. */
        "alter table accounts add column deleted integer;"
        "create index accounts_deleted on accounts (deleted) where deleted is not null;",

        /* Parts of files, each once, whoever puts it; it counts for who put it first. */
        "create table chunks ("
        " id integer primary key,"
        " name blob not null unique," /* SHA-256 of the content */
        " owner integer not null,"
        " size integer not null,"
        " until integer not null,"
        " content blob not null);"
        "create index chunks_until on chunks (until);"
        "create table chunk_owners ("
        " mailbox integer primary key,"
        " bytes integer not null);",

        /* What is over stays for a time, to be told apart from what never was. */
        "alter table invitations add column created integer not null default 0;"
        "alter table invitations add column revoked integer not null default 0;"
        "alter table invitations add column ended integer;", /* when it was used up or revoked */

        /* 1: somebody other than its owner has put it as well, or made sure of it, and counts on it. */
        "alter table chunks add column shared integer not null default 0;",

        /* Where the content is, segments.h; in a backup, and before there were segments, it is in the row itself. */
        ("alter table chunks add column place integer;"
         "create index chunks_place on chunks (place) where place is not null;"),

        /* Open groups: where each stands, who is on its roster, and who has left that and has a leaf still. */
        ("create table rooms ("
         " id integer primary key,"
         " name text not null unique,"
         " group_id blob not null," /* empty: nobody is in it */
         " epoch integer not null,"
         " group_info blob not null);"
         "create table room_members ("
         " room integer not null,"
         " mailbox integer not null,"
         " primary key (room, mailbox)) without rowid;"
         "create index room_members_mailbox on room_members (mailbox);"
         "create table room_departed ("
         " room integer not null,"
         " name text not null,"
         " primary key (room, name)) without rowid;"),

        /* The largest id of those that are forgotten. */
        "alter table mailboxes add column sent blob;",

        /* What a mailbox holds is what its entries say; its row has the last number that was given out, for when it
         * is empty. So a message changes one page of a mailbox that is at rest, not two. */
        ("alter table mailboxes drop column entries;"
         "alter table mailboxes drop column bytes;"),
};

const char *const store_queries[Q_COUNT] = {
        [Q_ACCOUNT] = "select m.transport_key, m.generation from accounts a, mailboxes m"
                      " where a.name = ? and m.account = a.id and m.device = x''",
        [Q_ACCOUNT_ADD] = "insert into accounts (name, created) values (?, ?) on conflict do nothing",
        [Q_INVITATION_USE] = "update invitations set uses = uses - 1, ended = case uses when 1 then ?2 end"
                             " where token = ?1 and uses > 0 and until > ?2 and revoked = 0",
        [Q_INVITATION_FATE] = "select uses, until, revoked from invitations where token = ?",
        [Q_MAILBOX_ADD] =
                "insert into mailboxes (id, account, device, transport_key, generation) values (?1, ?1, x'', ?2, ?3)",
        [Q_MAILBOX_NAMED] = "select m.id, a.name, " STORE_MAILBOX_COUNTS " from accounts a, mailboxes m"
                            " where a.name = ? and m.account = a.id and m.device = x''",
        [Q_MAILBOX_BY_ID] = "select m.id, a.name, " STORE_MAILBOX_COUNTS " from mailboxes m, accounts a"
                            " where m.id = ? and a.id = m.account",
        [Q_MAILBOX_SAVE] = "update mailboxes set sequence = ?2 where id = ?1",
        [Q_MAILBOX_MARKS] = "select max(coalesce(m.sent, x''),"
                            " coalesce((select max(message) from sent where mailbox = m.id), x'')),"
                            " (select min(sequence) from entries where mailbox = m.id) from mailboxes m where m.id = ?",
        [Q_STOCK] = "select count(*) from key_packages where mailbox = ? and last_resort = 0",
        [Q_PACKAGE_ADD] = "insert into key_packages (mailbox, last_resort, package) values (?, ?, ?)",
        [Q_PACKAGE_DROP_LAST] = "delete from key_packages where mailbox = ? and last_resort = 1",
        [Q_PACKAGE_TAKE] = "delete from key_packages where id = (select id from key_packages where mailbox = ? and"
                           " last_resort = 0 order by id limit 1) returning package",
        [Q_PACKAGE_LAST] = "select package from key_packages where mailbox = ? and last_resort = 1",
        [Q_SENT_ADD] = "insert into sent (mailbox, message, received) values (?, ?, ?) on conflict do nothing",
        [Q_SENT_DROP] = "delete from sent where id = ?",
        [Q_GROUP] = "select epoch from groups where name = ?",
        [Q_GROUP_MOVE] =
                "update groups set epoch = ?2 + 1, changed = ?3 where name = ?1 and epoch = ?2 returning epoch",
        [Q_GROUP_ADD] = "insert into groups (name, epoch, changed) values (?1, ?2 + 1, ?3) on conflict do nothing "
                        "returning epoch",
        [Q_BODY_ADD] = "insert into bodies (payload) values (?) returning id",
        [Q_READERS_ADD] = "insert into readers (body, remaining) values (?, ?)",
        [Q_READERS_LESS] = "update readers set remaining = remaining - ?2 where body = ?1 returning remaining",
        [Q_READERS_DROP] = "delete from readers where body = ?",
        [Q_BODY_DROP] = "delete from bodies where id between ? and ?",
        [Q_ENTRY_ADD] =
                "insert into entries (mailbox, sequence, body, size, shared, received) values (?, ?, ?, ?, ?, ?)",
        [Q_ENTRY_OLDEST] =
                "select sequence, body, size, shared, received from entries where mailbox = ? and sequence <= ?"
                " order by sequence limit ?",
        [Q_ENTRIES_DROP] = "delete from entries where mailbox = ? and sequence <= ?",
        [Q_CHUNK_RENEW] = "update chunks set until = max(until, ?2), shared = shared or owner <> ?3 where name = ?1",
        [Q_CHUNK_ADD] = "insert into chunks (name, owner, size, until, content, place)"
                        " values (?, ?, ?, ?, x'', ?)",
        [Q_CHUNK_DROP] = "delete from chunks where name = ?1 and owner = ?2 and not shared returning size, place",
        [Q_CHUNK_OWNER] = "select bytes from chunk_owners where mailbox = ?",
        [Q_CHUNK_OWNER_MORE] = "insert into chunk_owners (mailbox, bytes) values (?1, ?2)"
                               " on conflict do update set bytes = bytes + ?2",
        [Q_ROOM] = "select id, group_id, epoch from rooms where name = ?",
        [Q_ROOM_MEMBER] = "select 1 from room_members where room = ? and mailbox = ?",
        [Q_ROOM_ROSTER] = "select mailbox from room_members where room = ?",
        [Q_ROOM_DEPARTED] = "select name from room_departed where room = ?",
};
