/* Two people's messengers with a relay between them that the test plays. */
#pragma once

#include "messenger_person.h"

struct fixture {
        struct person alice, bob;
        uint64_t epoch; /* of the one group that there is, as the hub counts */
};

/* cmocka's set-up and tear-down: *state is the fixture, both have signed up. */
int pair_make(void **state);
int pair_release(void **state);
#define PAIR_TEST(name) cmocka_unit_test_setup_teardown(name, pair_make, pair_release)

/* @p starts a conversation with @with, by a key package of theirs. */
struct conversation *start(struct person *p, struct person *with);

/* The hub's part: the envelopes of @from in their order, commits by compare-and-set. */
void carry(struct fixture *f, struct person *from, struct person *to);

void say(struct person *p, struct conversation *c, const char *text);

/* The only conversation that @p has. */
struct conversation *only(struct person *p);

/* The history of the only conversation as "<state of ours or >text|…". */
void assert_history(struct person *p, const char *expected);
