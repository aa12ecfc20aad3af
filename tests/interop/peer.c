/* Members of groups, driven line by line: what cryptod/mls says to another implementation of RFC 9420, whose driver
 * (peer.mjs) takes the same lines. A line is a command and its arguments; bytes are hex, "-" is none. The answer is one
 * line: "ok" and results, or "error" and why.
 *
 *     suite ID                        ok NAME              all that follows is in this suite
 *     package MEMBER                  ok KEY_PACKAGE       a new member; an MLSMessage
 *     create MEMBER GROUP_ID          ok
 *     join MEMBER WELCOME             ok
 *     commit MEMBER ADD… / REMOVE…    ok COMMIT WELCOME    key packages, then leaf indices, besides all that has been
 *                                                          proposed; waits until
 *     merge MEMBER | clear MEMBER     ok                   it has won or lost
 *     propose MEMBER add KEY_PACKAGE | update | remove LEAF
 *                                     ok MESSAGE
 *     info MEMBER                     ok GROUP_INFO        with the tree in it, for
 *     external MEMBER GROUP_INFO      ok COMMIT            somebody who joins from outside
 *     process MEMBER MESSAGE          ok KIND DATA         KIND: application, proposal, commit
 *     protect MEMBER DATA             ok MESSAGE
 *     state MEMBER                    ok EPOCH LEAF AUTHENTICATOR EXPORTED TREE_HASH
 *     leave MEMBER                    ok
 *
 * In epochs of even numbers commits and proposals are public, in others encrypted. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/mls/framing.h"
#include "cryptod/mls/group.h"
#include "cryptod/mls/identity.h"
#include "services/cleanup.h"
#include "services/text.h"

enum { MEMBERS = 64, ARGUMENTS = 64 };

struct member {
        char *name;
        struct secret *signature_key;
        struct writer public_key, package;
        struct key_package_keys keys;
        struct group *group;
};

static const struct suite *suite;
static struct member members[MEMBERS];
static FILE *results; /* of the command at hand */

static void member_release(struct member *m)
{
        free(m->name);
        secret_free(m->signature_key);
        writer_release(&m->public_key);
        writer_release(&m->package);
        key_package_keys_release(&m->keys);
        group_free(m->group);
        *m = (struct member){ 0 };
}

static struct member *member_find(const char *name)
{
        for (size_t i = 0; i < MEMBERS; i++)
                if (members[i].name && strcmp(members[i].name, name) == 0)
                        return &members[i];
        return NULL;
}

static int unhex(const char *hex, struct writer *out)
{
        size_t size = strlen(hex) / 2;
        uint8_t *p;

        if (strcmp(hex, "-") == 0)
                return 0;
        p = writer_append(out, size);
        return p ? hex_decode(hex, p, size) : -ENOMEM;
}

static void say(struct bytes b)
{
        _cleanup_free_ char *hex = hex_encode(b);

        fprintf(results, " %s", b.size > 0 ? hex : "-");
}

static int cmd_suite(char **arguments, int count)
{
        suite = suite_by_id((uint16_t) atoi(arguments[0]));
        if (!suite)
                return -EPROTONOSUPPORT;
        for (size_t i = 0; i < MEMBERS; i++)
                member_release(&members[i]);
        fprintf(results, " %s", suite->name);
        return 0;
}

static struct identity identity_of(const struct member *m)
{
        return (struct identity){
                .suite = suite,
                .credential = { CREDENTIAL_BASIC, BYTES_STRING(m->name) },
                .signature_key = writer_bytes(&m->public_key),
                .signature_private_key = m->signature_key,
        };
}

static struct group_framing framing_of(const struct member *m)
{
        return (struct group_framing){ .public = group_epoch(m->group)->context.epoch % 2 == 0 };
}

static int cmd_package(char **arguments, int count)
{
        _cleanup_writer_ struct writer message = WRITER_INIT;
        struct member *m = NULL;
        struct identity i;
        int r;

        for (size_t n = 0; n < MEMBERS && !m; n++)
                if (!members[n].name)
                        m = &members[n];
        if (!m)
                return -ENOSPC;
        m->name = strdup(arguments[0]);
        m->signature_key = suite_signature_generate(suite, &m->public_key);
        i = identity_of(m);
        r = identity_key_package(&i, 0, INT64_MAX, false, &m->package, &m->keys);
        if (r < 0)
                return r;
        write_u16(&message, PROTOCOL_MLS10);
        write_u16(&message, WIRE_FORMAT_KEY_PACKAGE);
        write_fixed(&message, writer_bytes(&m->package));
        say(writer_bytes(&message));
        return 0;
}

static int cmd_create(struct member *m, char **arguments, int count)
{
        _cleanup_writer_ struct writer id = WRITER_INIT;
        struct key_package k;
        struct reader reader;

        reader_init(&reader, writer_bytes(&m->package));
        key_package_read(&reader, &k);
        if (reader_finish(&reader) < 0 || unhex(arguments[0], &id) < 0)
                return -EINVAL;
        return group_create(suite, writer_bytes(&id), k.leaf.encoded, TAKE(m->keys.leaf_key),
                            secret_copy(secret_bytes(m->signature_key)), BYTES(NULL, 0), &m->group);
}

static int cmd_join(struct member *m, char **arguments, int count)
{
        struct joiner joiner = { writer_bytes(&m->package), m->keys.init_key, m->keys.leaf_key };
        _cleanup_writer_ struct writer welcome = WRITER_INIT;
        int r = unhex(arguments[0], &welcome);

        return r < 0 ? r
                     : group_join(writer_bytes(&welcome), &joiner, BYTES(NULL, 0),
                                  secret_copy(secret_bytes(m->signature_key)), NULL, &m->group);
}

/* The KeyPackage of an MLSMessage, checked. */
static int read_package(const char *hex, struct writer *message, struct bytes *out)
{
        struct key_package k;
        struct reader reader;
        int r = unhex(hex, message);

        if (r < 0)
                return r;
        reader_init(&reader, writer_bytes(message));
        if (read_u16(&reader) != PROTOCOL_MLS10 || read_u16(&reader) != WIRE_FORMAT_KEY_PACKAGE)
                return -EBADMSG;
        *out = reader.rest;
        key_package_read(&reader, &k);
        r = reader_finish(&reader);
        return r < 0 ? r : key_package_check(&k, 1);
}

static int cmd_commit(struct member *m, char **arguments, int count)
{
        _cleanup_writer_ struct writer commit = WRITER_INIT, welcome = WRITER_INIT;
        struct writer packages[ARGUMENTS] = { 0 };
        struct bytes add[ARGUMENTS];
        uint32_t remove[ARGUMENTS];
        struct group_change change = { .add = add, .remove = remove, .cached = true, .framing = framing_of(m) };
        bool adding = true;
        int r = 0;

        for (int i = 0; i < count && r >= 0; i++) {
                if (strcmp(arguments[i], "/") == 0) {
                        adding = false;
                } else if (!adding) {
                        remove[change.remove_count++] = (uint32_t) atoi(arguments[i]);
                } else {
                        r = read_package(arguments[i], &packages[change.add_count], &add[change.add_count]);
                        change.add_count++;
                }
        }
        if (r >= 0)
                r = group_commit(m->group, &change, NULL, &commit, &welcome);
        if (r >= 0) {
                say(writer_bytes(&commit));
                say(writer_bytes(&welcome));
        }
        for (size_t i = 0; i < ARGUMENTS; i++)
                writer_release(&packages[i]);
        return r;
}

static int write_proposal(char **arguments, int count, struct writer *out)
{
        _cleanup_writer_ struct writer message = WRITER_INIT;
        struct bytes package;
        int r;

        if (count == 2 && strcmp(arguments[0], "remove") == 0) {
                proposal_write_remove(out, (uint32_t) atoi(arguments[1]));
                return writer_finish(out);
        }
        if (count != 2 || strcmp(arguments[0], "add") != 0)
                return -EINVAL;
        r = read_package(arguments[1], &message, &package);
        if (r < 0)
                return r;
        proposal_write_add(out, package);
        return writer_finish(out);
}

static int cmd_propose(struct member *m, char **arguments, int count)
{
        _cleanup_writer_ struct writer proposal = WRITER_INIT, message = WRITER_INIT;
        struct group_framing framing = framing_of(m);
        struct bytes none = BYTES(NULL, 0);
        bool update = strcmp(arguments[0], "update") == 0;
        int r = update ? 0 : write_proposal(arguments, count, &proposal);

        if (r >= 0)
                r = update ? group_propose_update(m->group, NULL, none, &framing, &message)
                           : group_propose(m->group, writer_bytes(&proposal), none, &framing, &message);
        if (r >= 0)
                say(writer_bytes(&message));
        return r;
}

static int cmd_info(struct member *m, char **arguments, int count)
{
        _cleanup_writer_ struct writer info = WRITER_INIT;
        int r = group_publish_info(m->group, true, &info);

        if (r >= 0)
                say(writer_bytes(&info));
        return r;
}

static int cmd_external(struct member *m, char **arguments, int count)
{
        _cleanup_writer_ struct writer info = WRITER_INIT, commit = WRITER_INIT;
        struct identity self = identity_of(m);
        struct external_join outside = { .self = &self, .resync = NODE_NONE };
        int r = unhex(arguments[0], &info);

        outside.group_info = writer_bytes(&info);
        if (r >= 0)
                r = group_join_external(&outside, NULL, &commit, &m->group);
        if (r >= 0)
                say(writer_bytes(&commit));
        return r;
}

static int cmd_merge(struct member *m, char **arguments, int count)
{
        if (!group_has_pending(m->group))
                return -ENOENT;
        group_merge_pending(m->group);
        return 0;
}

static int cmd_clear(struct member *m, char **arguments, int count)
{
        group_clear_pending(m->group);
        return 0;
}

static int cmd_process(struct member *m, char **arguments, int count)
{
        static const char *const kinds[] = { "application", "proposal", "commit" };
        _cleanup_(received_release) struct received received = { 0 };
        _cleanup_writer_ struct writer message = WRITER_INIT;
        int r = unhex(arguments[0], &message);

        if (r >= 0)
                r = group_process(m->group, writer_bytes(&message), NULL, &received);
        if (r < 0)
                return r;
        fprintf(results, " %s", kinds[received.kind]);
        say(received.kind == RECEIVED_APPLICATION ? received.data : BYTES(NULL, 0));
        return 0;
}

static int cmd_protect(struct member *m, char **arguments, int count)
{
        _cleanup_writer_ struct writer data = WRITER_INIT, message = WRITER_INIT;
        int r = unhex(arguments[0], &data);

        if (r >= 0)
                r = group_protect(m->group, writer_bytes(&data), BYTES(NULL, 0), 32, &message);
        if (r < 0)
                return r;
        say(writer_bytes(&message));
        return 0;
}

static int cmd_state(struct member *m, char **arguments, int count)
{
        const struct epoch *e = group_epoch(m->group);
        _cleanup_secret_ struct secret *exported = group_export(m->group, "interop", BYTES_STRING("context"), 32);

        fprintf(results, " %llu %u", (unsigned long long) e->context.epoch, e->keys.leaf);
        say(secret_bytes(e->schedule.epoch_authenticator));
        say(secret_bytes(exported));
        say(e->context.tree_hash);
        return 0;
}

static int cmd_leave(struct member *m, char **arguments, int count)
{
        member_release(m);
        return 0;
}

/* Commands of a member, with how many arguments they have at least, and whether they need a group. */
static const struct {
        const char *name;
        int (*act)(struct member *m, char **arguments, int count);
        int count;
        bool in_group;
} commands[] = {
        { "create", cmd_create, 1, false },  { "join", cmd_join, 1, false },
        { "commit", cmd_commit, 1, true },   { "merge", cmd_merge, 0, true },
        { "clear", cmd_clear, 0, true },     { "propose", cmd_propose, 1, true },
        { "info", cmd_info, 0, true },       { "external", cmd_external, 1, false },
        { "process", cmd_process, 1, true }, { "protect", cmd_protect, 1, true },
        { "state", cmd_state, 0, true },     { "leave", cmd_leave, 0, false },
};

static int obey(char **words, int count)
{
        struct member *m;

        if (count == 2 && strcmp(words[0], "suite") == 0)
                return cmd_suite(words + 1, 1);
        if (!suite || count < 2)
                return -EINVAL;
        m = member_find(words[1]);
        if (count == 2 && strcmp(words[0], "package") == 0)
                return m ? -EEXIST : cmd_package(words + 1, 1);
        for (size_t i = 0; i < COUNT_OF(commands); i++)
                if (strcmp(words[0], commands[i].name) == 0) {
                        if (!m || count - 2 < commands[i].count || (commands[i].in_group && !m->group))
                                return -EINVAL;
                        return commands[i].act(m, words + 2, count - 2);
                }
        return -EINVAL;
}

int main(void)
{
        _cleanup_free_ char *line = NULL;
        size_t capacity = 0;

        while (getline(&line, &capacity, stdin) > 0) {
                _cleanup_free_ char *text = NULL;
                char *words[ARGUMENTS], *rest = NULL;
                size_t size;
                int count = 0, r;

                for (char *w = strtok_r(line, " \n", &rest); w && count < ARGUMENTS; w = strtok_r(NULL, " \n", &rest))
                        words[count++] = w;
                results = open_memstream(&text, &size);
                r = obey(words, count);
                fclose(results);
                printf(r < 0 ? "error %s\n" : "ok%s\n", r < 0 ? strerror(-r) : text);
                fflush(stdout);
        }
        for (size_t i = 0; i < MEMBERS; i++)
                member_release(&members[i]);
        return 0;
}
