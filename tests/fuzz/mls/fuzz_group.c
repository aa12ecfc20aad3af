/* One valid group receives a mutated message.
 *
 * The group is made at the start, and every message that Bob gets is a valid one to which the input makes edits: its
 * first byte chooses the message, four bytes each an edit (two for the place, one for how, one for a value). So an
 * input means the same whatever keys a run has.
 *
 * From outside, nothing that was edited may be taken: signatures and tags forbid it. An insider signs and encrypts what
 * it has edited; here, signatures and confirmation tags are not looked at then, or the library makes the whole commit
 * while it does not look at the rules. What is taken from one must leave a group that can be written and read, whose
 * tree has its hash, in which all others have followed to the same epoch, and in which Bob can add somebody who then
 * joins.
 *
 * Whatever is refused changes nothing. */
#include <errno.h>
#include <stdlib.h>

#include "cryptod/mls/group_state.h"
#include "cryptod/mls/leaf_node_validation.h"
#include "services/cleanup.h"
#include "tests/unit/mls/people.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ALICE, BOB, CAROL, DAVE, PRESENT };

/* The states from which each try begins, and whoever is outside. */
static struct writer states[PRESENT];
static struct person frank, grace;

/* Messages to Bob, and what an insider edits. */
static struct writer application, proposal, public_proposal, commit, public_commit, commit_by_reference,
        external_commit, group_info, welcome;
static struct writer proposals[5], bare_body, body, external_body, welcome_info;
static struct secret *joiner_secret;

static struct {
        bool insider; /* signatures and confirmation tags hold, whatever they are */
        bool lenient; /* nobody looks at the rules */
} mode;

#define MUST(condition)                                                                                                \
        do {                                                                                                           \
                if (!(condition))                                                                                      \
                        abort();                                                                                       \
        } while (0)

#define UNLESS_LENIENT(type, name, parameters, arguments)                                                              \
        type __real_##name parameters;                                                                                 \
        type __wrap_##name parameters;                                                                                 \
        type __wrap_##name parameters                                                                                  \
        {                                                                                                              \
                return mode.lenient ? 0 : __real_##name arguments;                                                     \
        }

UNLESS_LENIENT(int, proposal_list_check, (const struct proposal_list *l, uint32_t sender, bool has_path),
               (l, sender, has_path))
UNLESS_LENIENT(int, proposal_validate,
               (const struct listed_proposal *p, const struct ratchet_tree *t, struct bytes group_id), (p, t, group_id))
UNLESS_LENIENT(int, leaf_node_validate,
               (const struct ratchet_tree *t, uint32_t leaf, struct bytes group_id, struct bytes extensions),
               (t, leaf, group_id, extensions))
UNLESS_LENIENT(int, group_extensions_validate, (const struct ratchet_tree *t, struct bytes extensions), (t, extensions))

int __real_suite_verify_with_label(const struct suite *s, struct bytes public_key, const char *label,
                                   struct bytes content, struct bytes signature);
int __wrap_suite_verify_with_label(const struct suite *s, struct bytes public_key, const char *label,
                                   struct bytes content, struct bytes signature);
int __wrap_suite_verify_with_label(const struct suite *s, struct bytes public_key, const char *label,
                                   struct bytes content, struct bytes signature)
{
        return mode.insider ? 0 : __real_suite_verify_with_label(s, public_key, label, content, signature);
}

int __real_epoch_complete(struct epoch *next, const struct secret *joiner, const struct secret *psk,
                          struct bytes confirmation_tag, uint8_t tag[static SUITE_HASH_MAX]);
int __wrap_epoch_complete(struct epoch *next, const struct secret *joiner, const struct secret *psk,
                          struct bytes confirmation_tag, uint8_t tag[static SUITE_HASH_MAX]);
int __wrap_epoch_complete(struct epoch *next, const struct secret *joiner, const struct secret *psk,
                          struct bytes confirmation_tag, uint8_t tag[static SUITE_HASH_MAX])
{
        return __real_epoch_complete(next, joiner, psk, mode.insider ? BYTES(NULL, 0) : confirmation_tag, tag);
}

static void read_state(const struct writer *state, struct person *out)
{
        struct reader r;

        *out = (struct person){ 0 };
        reader_init(&r, writer_bytes(state));
        MUST(group_read(&r, &out->group) == 0 && reader_finish(&r) == 0);
}

static void load(unsigned who, struct person *out)
{
        read_state(&states[who], out);
}

static void keep_state(const struct person *p, unsigned who)
{
        writer_release(&states[who]);
        states[who] = state_of(p);
}

/* The content of a public message: the body of what Alice, or somebody outside, has made. */
static void take_body(const struct writer *message, struct writer *out)
{
        struct framed_content content;
        struct reader r;

        reader_init(&r, writer_bytes(message));
        read_fixed(&r, 4);
        framed_content_read(&r, &content);
        write_fixed(out, content.body);
}

/* A commit of Alice's, as her stored state makes it. */
static void make_commit(const struct group_change *change, struct writer *out, struct writer *invitation)
{
        _cleanup_(person_release) struct person alice;

        load(ALICE, &alice);
        MUST(group_commit(alice.group, change, NULL, out, invitation) == 0);
}

static void make_proposal(struct bytes content, bool public, struct writer *out)
{
        _cleanup_(person_release) struct person alice;

        load(ALICE, &alice);
        MUST(group_propose(alice.group, content, BYTES_STRING("aad"), &(struct group_framing){ .public = public },
                           out) == 0);
}

static void make_proposals(void)
{
        static const uint8_t required[] = { 0, 0, 2, 0, CREDENTIAL_BASIC };
        const struct psk_id psk = {
                .type = PSK_RESUMPTION, .usage = RESUMPTION_APPLICATION, .group_id = BYTES_STRING("group"), .epoch = 3
        };
        _cleanup_writer_ struct writer extensions = WRITER_INIT;

        proposal_write_add(&proposals[0], writer_bytes(&frank.package));
        proposal_write_remove(&proposals[1], CAROL);
        group_write_psk(suite_by_id(1), &psk, &proposals[2]);
        proposal_write_reinit(&proposals[3], BYTES_STRING("next"), suite_by_id(1), BYTES(NULL, 0));
        write_u16(&extensions, EXTENSION_REQUIRED_CAPABILITIES);
        write_vector(&extensions, BYTES_OF(required));
        proposal_write_group_context_extensions(&proposals[4], writer_bytes(&extensions));
}

static void make_external_commit(void)
{
        _cleanup_(person_release) struct person alice;
        struct identity identity = identity_of(&frank);
        struct external_join join = { .self = &identity, .resync = NODE_NONE };
        struct group *joined;

        load(ALICE, &alice);
        MUST(group_publish_info(alice.group, true, &group_info) == 0);
        join.group_info = writer_bytes(&group_info);
        MUST(group_join_external(&join, NULL, &external_commit, &joined) == 0);
        group_free(joined);
        take_body(&external_commit, &external_body);
}

/* Opens Frank's Welcome, for an insider to change what is in it. */
static void open_welcome(void)
{
        _cleanup_(group_secrets_release) struct group_secrets secrets = { 0 };
        _cleanup_secret_ struct secret *no_psk = psk_secret(frank.suite, NULL, 0);
        struct key_package package = package_of(&frank);
        uint8_t ref[SUITE_HASH_MAX];
        struct group_info info;
        struct welcome w;
        struct reader r;

        reader_init(&r, writer_bytes(&welcome));
        read_fixed(&r, 4);
        MUST(welcome_read(&r, &w) == 0);
        key_package_ref(w.suite, &package, ref);
        MUST(welcome_open_secrets(&w, BYTES(ref, w.suite->hash_size), frank.keys.init_key, &secrets) == 0);
        MUST(welcome_open_group_info(&w, secrets.joiner_secret, no_psk, &welcome_info, &info) == 0);
        joiner_secret = TAKE(secrets.joiner_secret);
        group_info_release(&info);
}

static void make_messages(void)
{
        _cleanup_(person_release) struct person alice;
        _cleanup_writer_ struct writer bare = WRITER_INIT, invitation = WRITER_INIT;
        uint32_t carol = CAROL;
        struct bytes package = writer_bytes(&frank.package);
        const struct group_change addition = { .add = &package, .add_count = 1, .framing = { .public = true } };
        struct group_change plain = addition;

        load(ALICE, &alice);
        protect(&alice, "hello", &application);
        make_proposals();
        make_proposal(writer_bytes(&proposals[1]), false, &proposal);
        make_proposal(writer_bytes(&proposals[0]), true, &public_proposal);
        make_commit(&(struct group_change){ .remove = &carol, .remove_count = 1 }, &commit, &invitation);
        make_commit(&addition, &public_commit, &welcome);
        make_commit(&(struct group_change){ .cached = true }, &commit_by_reference, &invitation);
        plain.without_path = true;
        make_commit(&plain, &bare, &invitation);
        take_body(&bare, &bare_body);
        take_body(&public_commit, &body);
        make_external_commit();
        open_welcome();
}

/* Four members, nodes that are filled, blank and with unmerged leaves; a removal and an update proposed; and Bob has
 * had a message from everybody, for the first one opens the secret tree, whoever wrote it. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
        struct person people[PRESENT];

        for (unsigned i = 0; i < PRESENT; i++)
                person_make(suite_by_id(1), (const char *[]){ "alice", "bob", "carol", "dave" }[i], &people[i]);
        person_make(suite_by_id(1), "frank", &frank);
        person_make(suite_by_id(1), "grace", &grace);
        create(suite_by_id(1), &people[ALICE]);
        for (unsigned i = 1; i < PRESENT; i++)
                add(&people[i - 1], &people[i], people, i);
        for (unsigned i = 0; i < PRESENT; i++) {
                _cleanup_writer_ struct writer message = WRITER_INIT, update = WRITER_INIT;

                protect(&people[i], "first", &message);
                if (i == CAROL)
                        MUST(group_propose_update(people[i].group, NULL, BYTES(NULL, 0), NULL, &update) == 0);
                for (unsigned j = 0; j < PRESENT; j++) {
                        if (i != j)
                                assert_reads(&people[j], &message, "first");
                        MUST(i != CAROL || j == i || process(&people[j], writer_bytes(&update)) == 0);
                }
        }
        for (unsigned i = 0; i < PRESENT; i++)
                keep_state(&people[i], i);
        people_release(people, PRESENT);
        make_messages();
        return 0;
}

/* A key that is taken: of a node of the group's tree. */
static void write_key_of_tree(uint8_t which, struct writer *out)
{
        _cleanup_(person_release) struct person bob;
        const struct ratchet_tree *t;
        uint32_t node;

        load(BOB, &bob);
        t = &group_epoch(bob.group)->tree;
        node = which % tree_width(t->leaves);
        if (ratchet_tree_node(t, node))
                write_fixed(out, ratchet_tree_key(t, node));
}

/* Applies the edits. */
static void edit(struct bytes original, struct reader *edits, struct writer *out)
{
        write_fixed(out, original);
        while (reader_more(edits) && out->size > 0) {
                size_t place = read_u16(edits) % out->size, count;
                uint8_t how = read_u8(edits), value = read_u8(edits);
                _cleanup_writer_ struct writer tail = WRITER_INIT;

                if (edits->error)
                        return;
                count = how / 5 + 1u < out->size - place ? how / 5 + 1u : out->size - place;
                write_fixed(&tail, BYTES(out->data + place, out->size - place));
                switch (how % 5) {
                case 0: /* one byte */
                        out->data[place] ^= value;
                        continue;
                case 1: /* some bytes go */
                        out->size = place;
                        write_fixed(out, BYTES(tail.data + count, tail.size - count));
                        continue;
                case 2: /* some of one value come */
                        out->size = place;
                        for (size_t i = 0; i < count; i++)
                                write_u8(out, value);
                        break;
                case 3: /* some stand twice */
                        out->size = place;
                        write_fixed(out, BYTES(tail.data, count));
                        break;
                case 4: /* another's key stands there */
                        out->size = place;
                        write_key_of_tree(value, out);
                        count = out->size - place < tail.size ? out->size - place : tail.size;
                        write_fixed(out, BYTES(tail.data + count, tail.size - count));
                        continue;
                }
                write_fixed(out, writer_bytes(&tail));
        }
}

/* The group can be written and read, and its tree has the hash that its context says. */
static void check_group(const struct person *p)
{
        _cleanup_writer_ struct writer before = state_of(p), after = WRITER_INIT;
        _cleanup_(person_release) struct person again;
        const struct epoch *e;
        uint8_t hash[SUITE_HASH_MAX];

        read_state(&before, &again);
        after = state_of(&again);
        MUST(bytes_equal(writer_bytes(&before), writer_bytes(&after)));
        e = group_epoch(again.group);
        ratchet_tree_hash(&e->tree, tree_root(e->tree.leaves), hash);
        MUST(bytes_equal(e->context.tree_hash, BYTES(hash, e->context.suite->hash_size)));
}

static int join_with(const struct person *p, struct bytes invitation, struct person *out)
{
        struct joiner joiner = { writer_bytes(&p->package), p->keys.init_key, p->keys.leaf_key };

        *out = (struct person){ 0 };
        return group_join(invitation, &joiner, BYTES(NULL, 0), secret_copy(secret_bytes(p->signature_key)), NULL,
                          &out->group);
}

/* And its member can commit, with all that has been proposed if @cached, and let somebody in: Grace, whom nobody else
 * adds. Of what an insider has edited the signatures need not hold. */
static void check_commit(struct person *p, bool cached)
{
        _cleanup_writer_ struct writer message = WRITER_INIT, invitation = WRITER_INIT;
        _cleanup_(person_release) struct person joined = { 0 };
        struct bytes package = writer_bytes(&grace.package);
        const struct group_change change = { .add = &package, .add_count = 1, .cached = cached };
        int r = group_commit(p->group, &change, NULL, &message, &invitation);

        MUST(r == 0 || (r == -ESHUTDOWN && group_reinit(p->group, &(struct proposal){ 0 })));
        if (r < 0)
                return;
        check_group(p);
        group_merge_pending(p->group);
        MUST(join_with(&grace, writer_bytes(&invitation), &joined) == 0);
        assert_agreed(p, &joined);
}

/* Gives Bob a message. What he refuses has changed nothing. */
static int give(struct person *bob, struct bytes message)
{
        _cleanup_writer_ struct writer after = WRITER_INIT;
        int r = process(bob, message);

        if (r < 0) {
                after = state_of(bob);
                MUST(bytes_equal(writer_bytes(&states[BOB]), writer_bytes(&after)));
        }
        return r;
}

static void from_outside(struct writer *original, struct reader *edits)
{
        _cleanup_(person_release) struct person bob;
        _cleanup_writer_ struct writer edited = WRITER_INIT;

        load(BOB, &bob);
        edit(writer_bytes(original), edits, &edited);
        MUST((give(&bob, writer_bytes(&edited)) == 0) == bytes_equal(writer_bytes(original), writer_bytes(&edited)));
        check_group(&bob);
}

static void join_from_outside(struct writer *original, struct reader *edits)
{
        struct identity identity = identity_of(&frank);
        struct external_join join = { .self = &identity, .resync = NODE_NONE };
        _cleanup_writer_ struct writer edited = WRITER_INIT, message = WRITER_INIT;
        _cleanup_(person_release) struct person joined = { 0 };
        int r;

        edit(writer_bytes(original), edits, &edited);
        join.group_info = writer_bytes(&edited);
        r = group_join_external(&join, NULL, &message, &joined.group);
        MUST((r == 0) == bytes_equal(writer_bytes(original), writer_bytes(&edited)));
}

/* Of the secrets in a Welcome each new member looks at its own alone: the rest may change, the epoch may not. */
static void join_by_welcome(struct writer *original, struct reader *edits)
{
        _cleanup_(person_release) struct person joined = { 0 }, expected = { 0 };
        _cleanup_writer_ struct writer edited = WRITER_INIT;

        MUST(join_with(&frank, writer_bytes(original), &expected) == 0);
        edit(writer_bytes(original), edits, &edited);
        if (join_with(&frank, writer_bytes(&edited), &joined) == 0)
                assert_agreed(&joined, &expected);
}

/* A content of Alice's, or of somebody outside, with the body edited. */
static void from_insider(struct writer *original, enum sender_type sender, enum content_type type, bool public,
                         struct reader *edits)
{
        _cleanup_(person_release) struct person alice, bob;
        _cleanup_writer_ struct writer edited = WRITER_INIT, message = WRITER_INIT;
        static const uint8_t tag[32], signature[64];
        struct authenticated_content a = {
                .wire_format = public ? WIRE_FORMAT_PUBLIC_MESSAGE : WIRE_FORMAT_PRIVATE_MESSAGE,
                .content = { .group_id = BYTES_STRING("group"),
                             .epoch = PRESENT - 1,
                             .sender_type = sender,
                             .sender = ALICE,
                             .content_type = type },
                .auth = { BYTES_OF(signature), BYTES_OF(tag) },
        };

        load(ALICE, &alice);
        load(BOB, &bob);
        edit(writer_bytes(original), edits, &edited);
        a.content.body = writer_bytes(&edited);
        MUST(group_frame(alice.group, &a, 0, &message) == 0);
        mode.insider = true;
        if (give(&bob, writer_bytes(&message)) == 0) {
                check_group(&bob);
                check_commit(&bob, true);
        }
        mode.insider = false;
}

static void insider_s_commit(struct writer *original, struct reader *edits)
{
        from_insider(original, SENDER_MEMBER, CONTENT_COMMIT, false, edits);
}

static void joiner_s_commit(struct writer *original, struct reader *edits)
{
        from_insider(original, SENDER_NEW_MEMBER_COMMIT, CONTENT_COMMIT, true, edits);
}

static void insider_s_proposal(struct writer *original, struct reader *edits)
{
        from_insider(&original[read_u8(edits) % COUNT_OF(proposals)], SENDER_MEMBER, CONTENT_PROPOSAL, false, edits);
}

/* The others see the commit as Bob does, and come to the same epoch; but for PSKs of epochs that some have not seen. */
static void check_others(struct person *bob, int bob_s, struct bytes message)
{
        for (unsigned i = CAROL; i < PRESENT; i++) {
                _cleanup_(person_release) struct person other;
                int r;

                load(i, &other);
                r = process(&other, message);
                MUST((r == 0) == (bob_s == 0) || r == -EKEYREVOKED || r == -ENOKEY || bob_s == -ENOKEY);
                if (r == 0)
                        assert_agreed(bob, &other);
        }
}

/* Alice commits edited proposals by value, and looks at no rule. */
static void edited_list(struct writer *original, struct reader *edits)
{
        _cleanup_(person_release) struct person alice, bob;
        _cleanup_writer_ struct writer list = WRITER_INIT, edited = WRITER_INIT, message = WRITER_INIT,
                                       invitation = WRITER_INIT;
        uint8_t which = read_u8(edits), how = read_u8(edits);
        struct bytes value;
        int r;

        for (unsigned i = 0; i < COUNT_OF(proposals); i++)
                if (which & (1u << i))
                        write_fixed(&list, writer_bytes(&original[i]));
        edit(writer_bytes(&list), edits, &edited);
        value = writer_bytes(&edited);
        load(ALICE, &alice);
        load(BOB, &bob);
        mode.insider = mode.lenient = true;
        r = group_commit(alice.group,
                         &(struct group_change){
                                 .proposals = &value, .proposal_count = 1, .cached = how & 1, .without_path = how & 2 },
                         NULL, &message, &invitation);
        mode.lenient = false;
        if (r == 0) {
                r = give(&bob, writer_bytes(&message));
                if (r != -EKEYREVOKED)
                        check_others(&bob, r, writer_bytes(&message));
        }
        if (r == 0) {
                check_group(&bob);
                check_commit(&bob, true);
        }
        mode.insider = false;
}

/* The GroupInfo in a Welcome is edited, and its context has the hash of the tree that then stands in it. */
static void edited_info(struct writer *original, struct reader *edits)
{
        const struct suite *s = frank.suite;
        _cleanup_(group_info_release) struct group_info info = { 0 };
        _cleanup_(group_context_release) struct group_context context = { 0 };
        _cleanup_(ratchet_tree_release) struct ratchet_tree tree = { 0 };
        _cleanup_(person_release) struct person joined = { 0 };
        _cleanup_secret_ struct secret *no_psk = psk_secret(s, NULL, 0);
        _cleanup_writer_ struct writer edited = WRITER_INIT, content = WRITER_INIT, message = WRITER_INIT;
        struct key_package package = package_of(&frank);
        uint8_t ref[SUITE_HASH_MAX], hash[SUITE_HASH_MAX];
        struct welcome_recipient recipient = { BYTES(ref, s->hash_size), package.init_key, NULL };
        struct bytes encoded;
        struct reader r;

        edit(writer_bytes(original), edits, &edited);
        reader_init(&r, writer_bytes(&edited));
        if (group_info_read(&r, &info) < 0 || info.context.suite != s ||
            !extension_find(info.extensions, EXTENSION_RATCHET_TREE, &encoded))
                return;
        reader_init(&r, encoded);
        if (ratchet_tree_read(s, &r, &tree) < 0)
                return;
        ratchet_tree_hash(&tree, tree_root(tree.leaves), hash);
        if (group_context_make(s, info.context.group_id, info.context.epoch, BYTES(hash, s->hash_size),
                               info.context.confirmed_transcript_hash, info.context.extensions, &context) < 0)
                return;
        write_fixed(&content, group_context_bytes(&context));
        write_vector(&content, info.extensions);
        write_vector(&content, info.confirmation_tag);
        write_u32(&content, info.signer);
        write_vector(&content, info.signature);
        key_package_ref(s, &package, ref);
        write_u16(&message, PROTOCOL_MLS10);
        write_u16(&message, WIRE_FORMAT_WELCOME);
        MUST(welcome_write(s, joiner_secret, no_psk, BYTES(NULL, 0), writer_bytes(&content), &recipient, 1, 1,
                           &message) == 0);
        mode.insider = true;
        if (join_with(&frank, writer_bytes(&message), &joined) == 0) {
                check_group(&joined);
                check_commit(&joined, false);
        }
        mode.insider = false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct {
                void (*receive)(struct writer *original, struct reader *edits);
                struct writer *original;
        } kinds[] = {
                { from_outside, &application },     { from_outside, &proposal },
                { from_outside, &public_proposal }, { from_outside, &commit },
                { from_outside, &public_commit },   { from_outside, &commit_by_reference },
                { from_outside, &external_commit }, { join_from_outside, &group_info },
                { join_by_welcome, &welcome },      { insider_s_commit, &bare_body },
                { insider_s_commit, &body },        { joiner_s_commit, &external_body },
                { insider_s_proposal, proposals },  { edited_list, proposals },
                { edited_info, &welcome_info },
        };
        struct reader edits;
        uint8_t kind;

        reader_init(&edits, BYTES(data, size));
        kind = read_u8(&edits) % COUNT_OF(kinds);
        kinds[kind].receive(kinds[kind].original, &edits);
        return 0;
}
