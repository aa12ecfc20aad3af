/* People for tests of groups: each with keys, a key package, and a group once there is one. Whatever goes wrong in here
 * fails the test. */
#pragma once

#include "cryptod/mls/group.h"
#include "tests/unit/mls/disk.h"

enum { LIFETIME = 1000, MEMBERS = 5 };

/* Somebody with a key package out. */
struct person {
        const struct suite *suite;
        const char *name;
        struct secret *signature_key;
        struct writer public_key, package;
        struct key_package_keys keys;
        struct group *group;
        struct disk disk;
};

void person_make(const struct suite *s, const char *name, struct person *p);
void person_release(struct person *p);
void people_release(struct person *people, size_t count);
struct identity identity_of(const struct person *p);
struct key_package package_of(const struct person *p);

/* A group of its own, named "group". */
void create(const struct suite *s, struct person *p);

/* Gives a message to somebody's group. */
int process(struct person *p, struct bytes message);

/* The whole state. */
struct writer state_of(const struct person *p);

/* Saves what has changed in the group, so that all of it is on disk. */
void save_state(struct person *p);

/* The same, and the group made anew from the disk. */
void restart(struct person *p);

void join(struct person *p, struct bytes welcome);

/* @committer adds @newcomer; all others with a group among the @count people follow. */
void add(struct person *committer, struct person *newcomer, struct person *all, size_t count);

/* The same epoch authenticator. */
void assert_agreed(const struct person *a, const struct person *b);

void protect(struct person *p, const char *text, struct writer *out);
void assert_reads(struct person *p, const struct writer *message, const char *text);

/* MEMBERS people in one group, each added by another. */
void gather(const struct suite *s, struct person people[static MEMBERS]);
