/* A hub's store with three accounts, and what tests ask of it. */
#pragma once

#include "tests/unit/services/cmocka_headers.h"

#include "relayd/hub/store/sqlite.h"
#include "relayd/hub/store/store.h"
#include "temporary.h"

extern const struct store_limits limits;

struct fixture {
        char *directory;
        struct store *store;
        int64_t alice, bob, carol;
};

/* A batch of one. What it holds is the caller's: store_request_release(). */
struct store_request run(struct store *s, struct store_request r);

/* Registers a name with a transport key that begins with @key: its mailbox. */
int64_t add_account(struct store *s, const char *name, uint8_t key);

/* Of a test: an empty store with the three, and its end. */
int setup(void **state);
int teardown(void **state);

/* As after a restart of the hub. */
void open_again(struct fixture *f);

/* A SEND of @text to the names (each ended by a space) with the id @id. The list's bytes live as long as the test. */
struct store_request sending(int64_t from, uint8_t id, const char *to, const char *text);

/* A batch of one that is released. */
enum store_result send_it(struct store *s, struct store_request r);

/* What is in a mailbox behind @after: "1=text 2=text "; until the next call. */
const char *entries(struct store *s, int64_t mailbox, uint64_t after);

/* The rows of a table, by a look at the file as somebody else would. */
int64_t count(struct fixture *f, const char *table);

/* Publishes a key package of bob's. */
enum store_result publish(struct fixture *f, bool last_resort, const char *text);

/* Of a claim: what was handed out; releases it. */
void assert_claimed(struct store_request *r, const char *text, bool last_resort);

/* Drops what is past its time at @now_usec. */
void expire(struct store *s, uint64_t now_usec);

/* Registers under a policy, with an invitation whose token begins with @token. */
enum store_result register_with(struct store *s, const char *name, uint8_t key, enum store_policy policy,
                                uint8_t token);

/* An invitation for so many, until then. */
void invite(struct store *s, uint8_t token, int64_t uses, uint64_t until_usec);

/* Puts a chunk under its name, or, if not @honest, under another. */
enum store_result put_chunk(struct store *s, int64_t mailbox, const char *text, bool honest);

/* Whether it is there, and if so as it was. */
bool has_chunk(struct store *s, const char *text);
