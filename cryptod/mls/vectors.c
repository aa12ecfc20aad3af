#include "cryptod/mls/vectors.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "services/cleanup.h"
#include "services/text.h"

/* What tells a kind apart: members that only its cases have. */
static const struct kind {
        const char *name;
        const char *members[3];
        vector_case_t run;
} kinds[] = {
        { "crypto-basics", { "ref_hash", "expand_with_label", "encrypt_with_label" }, vector_crypto_basics },
        { "tree-math", { "n_leaves", "n_nodes", "sibling" }, vector_tree_math },
        { "key-schedule", { "group_id", "initial_init_secret", "epochs" }, vector_key_schedule },
        { "psk_secret", { "psks", "psk_secret" }, vector_psk_secret },
        { "secret-tree", { "encryption_secret", "sender_data", "leaves" }, vector_secret_tree },
        { "message-protection", { "proposal_pub", "commit_priv", "application_priv" }, vector_message_protection },
        { "transcript-hashes",
          { "authenticated_content", "interim_transcript_hash_before" },
          vector_transcript_hashes },
        { "tree-operations", { "tree_before", "proposal_sender", "tree_after" }, vector_tree_operations },
        { "tree-validation", { "tree", "resolutions", "tree_hashes" }, vector_tree_validation },
        { "treekem", { "leaves_private", "update_paths", "ratchet_tree" }, vector_treekem },
        { "deserialization", { "vlbytes_header", "length" }, vector_deserialization },
        { "messages", { "mls_welcome", "group_secrets", "private_message" }, vector_messages },
        { "welcome", { "init_priv", "signer_pub", "welcome" }, vector_welcome },
        { "passive-client", { "initial_epoch_authenticator", "signature_priv", "epochs" }, vector_passive_client },
};

static jmp_buf not_understood;

static void __attribute__((noreturn)) give_up(const char *name, const char *why)
{
        fprintf(stderr, "member \"%s\" %s\n", name, why);
        longjmp(not_understood, 1);
}

void hex_release(struct hex *h)
{
        free(h->data);
}

struct bytes hex_bytes(const struct hex *h)
{
        return BYTES(h->data, h->size);
}

json_object *vector_member(json_object *o, const char *name)
{
        json_object *member;

        if (!json_object_is_type(o, json_type_object) || !json_object_object_get_ex(o, name, &member))
                give_up(name, "is missing");
        return member;
}

uint64_t vector_integer(json_object *o, const char *name)
{
        json_object *member = vector_member(o, name);

        if (!json_object_is_type(member, json_type_int) || json_object_get_int64(member) < 0)
                give_up(name, "is not a number");
        return json_object_get_uint64(member);
}

enum { DERIVED_MAX = 255 * 32 }; /* that every suite can derive at once */

static uint64_t integer_up_to(json_object *o, const char *name, uint64_t max)
{
        uint64_t value = vector_integer(o, name);

        if (value > max)
                give_up(name, "is too large");
        return value;
}

uint32_t vector_number(json_object *o, const char *name)
{
        return (uint32_t) integer_up_to(o, name, UINT32_MAX);
}

size_t vector_size(json_object *o, const char *name)
{
        return integer_up_to(o, name, DERIVED_MAX);
}

void vector_expect_array(json_object *array, const char *name)
{
        if (!json_object_is_type(array, json_type_array))
                give_up(name, "is not an array");
}

json_object *vector_array(json_object *o, const char *name)
{
        json_object *array = vector_member(o, name);

        vector_expect_array(array, name);
        return array;
}

const char *vector_string(json_object *o, const char *name)
{
        json_object *member = vector_member(o, name);

        if (!json_object_is_type(member, json_type_string))
                give_up(name, "is not a string");
        return json_object_get_string(member);
}

bool vector_is_null(json_object *o, const char *name)
{
        json_object *member;

        return !json_object_object_get_ex(o, name, &member) || member == NULL;
}

struct hex vector_hex_string(json_object *string)
{
        const char *text = json_object_get_string(string);
        struct hex h = { .size = text ? strlen(text) / 2 : 0 };

        h.data = malloc(h.size + 1);
        if (!h.data || !text || !json_object_is_type(string, json_type_string) ||
            hex_decode(text, h.data, h.size) < 0) {
                free(h.data);
                give_up("(hex)", "is not hex");
        }
        return h;
}

struct hex vector_hex(json_object *o, const char *name)
{
        return vector_hex_string(vector_member(o, name));
}

struct secret *vector_secret(json_object *o, const char *name)
{
        _cleanup_hex_ struct hex h = vector_hex(o, name);

        if (h.size > SECRET_SIZE_MAX)
                give_up(name, "is too large");
        return secret_copy(hex_bytes(&h));
}

const struct suite *vector_suite(json_object *o)
{
        const struct suite *s = suite_by_id((uint16_t) integer_up_to(o, "cipher_suite", UINT16_MAX));

        if (!s)
                give_up("cipher_suite", "is not in the table of suites");
        return s;
}

bool vector_equals(json_object *o, const char *name, struct bytes b)
{
        _cleanup_hex_ struct hex expected = vector_hex(o, name);

        return bytes_equal(hex_bytes(&expected), b);
}

void vector_write_group_context(struct writer *w, const struct suite *s, struct bytes group_id, uint64_t epoch,
                                struct bytes tree_hash, struct bytes confirmed_transcript_hash)
{
        write_u16(w, 1);
        write_u16(w, s->id);
        write_vector(w, group_id);
        write_u64(w, epoch);
        write_vector(w, tree_hash);
        write_vector(w, confirmed_transcript_hash);
        write_vector(w, BYTES(NULL, 0));
}

static const struct kind *recognise(json_object *o)
{
        for (size_t i = 0; i < COUNT_OF(kinds); i++) {
                bool all = json_object_is_type(o, json_type_object);

                for (size_t m = 0; all && m < COUNT_OF(kinds[i].members) && kinds[i].members[m]; m++)
                        all = json_object_object_get_ex(o, kinds[i].members[m], NULL);
                if (all)
                        return &kinds[i];
        }
        return NULL;
}

struct count {
        unsigned passed, failed, not_understood;
};

/* 1 passed, 0 failed, -1 not understood. A function of its own, so that no variable lives across the jump. */
static int outcome(const struct kind *kind, json_object *o)
{
        return setjmp(not_understood) ? -1 : kind->run(o);
}

/* The @number-th case of a file. */
static void run_case(const char *path, size_t number, json_object *o, struct count *unknown,
                     struct count counts[static COUNT_OF(kinds)])
{
        const struct kind *kind = recognise(o);
        struct count *count = kind ? &counts[kind - kinds] : unknown;
        int r = kind ? outcome(kind, o) : -1;

        *(r > 0 ? &count->passed : r == 0 ? &count->failed : &count->not_understood) += 1;
        if (r <= 0)
                fprintf(stderr, "mls-vectors: %s: case %zu (%s) %s.\n", path, number,
                        kind ? kind->name : "unknown kind", r == 0 ? "failed" : "is not understood");
}

/* The cases of a file; NULL, and why on stderr. */
static json_object *read_cases(const char *path)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        char byte;
        json_object *file = NULL;
        const char *why = fd < 0 || pread(fd, &byte, 0, 0) < 0 ? strerror(errno) : NULL;

        if (!why) {
                file = json_object_from_fd(fd);
                why = !file                                         ? "is not JSON"
                      : !json_object_is_type(file, json_type_array) ? "is not an array of cases"
                      : json_object_array_length(file) == 0         ? "has no cases"
                                                                    : NULL;
        }
        if (!why)
                return file;
        fprintf(stderr, "mls-vectors: %s: %s.\n", path, why);
        json_object_put(file);
        return NULL;
}

static bool print_count(const char *name, const struct count *c)
{
        if (c->passed + c->failed + c->not_understood > 0)
                printf("%-32s %5u passed %5u failed %5u not understood\n", name, c->passed, c->failed,
                       c->not_understood);
        return c->failed == 0 && c->not_understood == 0;
}

static bool run_file(const char *path, struct count *unknown, struct count counts[static COUNT_OF(kinds)])
{
        json_object *file = read_cases(path);

        for (size_t n = 0; file && n < json_object_array_length(file); n++)
                run_case(path, n, json_object_array_get_idx(file, n), unknown, counts);
        json_object_put(file);
        return file != NULL;
}

int main(int argc, char *argv[])
{
        struct count counts[COUNT_OF(kinds)] = { 0 }, unknown = { 0 };
        bool good = argc > 1;

        if (argc < 2)
                fprintf(stderr, "usage: mls-vectors FILE…\nRuns files of the MLS working group's test vectors; exits 0 "
                                "only if every case passed.\n");
        for (int i = 1; i < argc; i++)
                good = run_file(argv[i], &unknown, counts) && good;
        for (size_t i = 0; i < COUNT_OF(kinds); i++)
                good = print_count(kinds[i].name, &counts[i]) && good;
        good = print_count("unknown kind", &unknown) && good;
        return fflush(stdout) == 0 && good ? EXIT_SUCCESS : EXIT_FAILURE;
}
