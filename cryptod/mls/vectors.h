/* mls-vectors: the official test vectors (mlswg/mls-implementations, test-vectors.md), one function a kind.
 *
 * A kind is recognised by the members of its JSON objects, so nothing here knows a particular file. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "cryptod/mls/suite.h"

/* Bytes that a case holds as hex; freed when its scope ends. */
struct hex {
        uint8_t *data;
        size_t size;
};

#define _cleanup_hex_ __attribute__((cleanup(hex_release)))

void hex_release(struct hex *h);
struct bytes hex_bytes(const struct hex *h);

/* Members of an object. A member that is missing or of another type ends the case as "not understood" (through
 * longjmp). */
json_object *vector_member(json_object *o, const char *name);
uint64_t vector_integer(json_object *o, const char *name);
uint32_t vector_number(json_object *o, const char *name); /* an integer of 32 bits */
size_t vector_size(json_object *o, const char *name);     /* of a secret that is derived */
json_object *vector_array(json_object *o, const char *name);
void vector_expect_array(json_object *array, const char *name);
const char *vector_string(json_object *o, const char *name);
bool vector_is_null(json_object *o, const char *name);
struct hex vector_hex(json_object *o, const char *name);
struct hex vector_hex_string(json_object *string);

struct secret *vector_secret(json_object *o, const char *name);

/* The suite of a case; one that is not in the table ends the case as "not understood". */
const struct suite *vector_suite(json_object *o);

/* True if @b is what the member says. */
bool vector_equals(json_object *o, const char *name, struct bytes b);

/* struct GroupContext with mls10 and no extensions. */
void vector_write_group_context(struct writer *w, const struct suite *s, struct bytes group_id, uint64_t epoch,
                                struct bytes tree_hash, struct bytes confirmed_transcript_hash);

/* One case: true if it passed. Says on stderr what differed. */
typedef bool (*vector_case_t)(json_object *o);

bool vector_crypto_basics(json_object *o);
bool vector_tree_math(json_object *o);
bool vector_key_schedule(json_object *o);
bool vector_psk_secret(json_object *o);
bool vector_secret_tree(json_object *o);
bool vector_message_protection(json_object *o);
bool vector_transcript_hashes(json_object *o);
bool vector_tree_operations(json_object *o);
bool vector_tree_validation(json_object *o);
bool vector_treekem(json_object *o);
bool vector_welcome(json_object *o);
bool vector_deserialization(json_object *o);
bool vector_messages(json_object *o);
bool vector_passive_client(json_object *o);

/* Ends the case unless @condition holds, naming the place. */
#define EXPECT(condition)                                                                                              \
        do {                                                                                                           \
                if (!(condition)) {                                                                                    \
                        fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                \
                        return false;                                                                                  \
                }                                                                                                      \
        } while (0)
