/* A slot is opened beside the loop; what was cancelled never reports. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cryptod/vault/slot_job.h"
#include "services/cleanup.h"
#include "services/seal.h"

static const struct argon2_parameters cheap = { ARGON2_MEMORY_MIN, 1, 1 };

struct fixture {
        uint64_t target_usec;
        sd_event *event;
        struct secret *face_secret, *vault_key, *found;
        struct writer slot, made;
        int result;
        unsigned reports;
};

static int make(void **state)
{
        static struct fixture f;
        _cleanup_secret_ struct secret *factor = secret_copy(BYTES_STRING("2580"));

        f = (struct fixture){ .face_secret = secret_random(FACE_SECRET_SIZE),
                              .vault_key = secret_random(VAULT_KEY_SIZE) };
        *state = &f;
        return sd_event_new(&f.event) < 0 ? -1
                                          : slot_make(SLOT_FACE_AND_FACTOR, BYTES_STRING("account"), BYTES_STRING(""),
                                                      1, &cheap, f.face_secret, factor, f.vault_key, &f.slot);
}

static int release(void **state)
{
        struct fixture *f = *state;

        sd_event_unref(f->event);
        secret_free(f->face_secret);
        secret_free(f->vault_key);
        secret_free(f->found);
        writer_release(&f->slot);
        writer_release(&f->made);
        return 0;
}

static void on_done(int result, struct slot_result *r, void *userdata)
{
        struct fixture *f = userdata;

        f->result = result;
        f->found = TAKE(r->vault_key);
        write_fixed(&f->made, r->slot);
        f->reports++;
}

static int try_start(struct fixture *f, struct bytes slots, const char *pin, struct slot_job **out)
{
        _cleanup_secret_ struct secret *factor = secret_copy(BYTES_STRING(pin));
        _cleanup_close_ int fd = -1;
        struct slot_request request = { .slots = slots,
                                        .account = BYTES_STRING("account"),
                                        .parameters = cheap,
                                        .target_usec = f->target_usec,
                                        .new_factor = -1,
                                        .new_kind = slots.size == 0 ? SLOT_FACE_AND_FACTOR : 0 };

        assert_int_equal(secret_to_fd(factor, &fd), 0);
        request.factor = fd;
        request.face_secret = secret_copy(secret_bytes(f->face_secret));
        return slot_job_start(f->event, &request, on_done, f, out);
}

static struct slot_job *start(struct fixture *f, const char *pin)
{
        struct slot_job *j = NULL;

        assert_int_equal(try_start(f, writer_bytes(&f->slot), pin, &j), 0);
        return j;
}

static struct slot_job *run_until_reported(struct fixture *f, struct slot_job *j)
{
        while (f->reports == 0)
                assert_true(sd_event_run(f->event, 10 * 1000000) > 0);
        return j;
}

static void the_right_factors_bring_the_key(void **state)
{
        struct fixture *f = *state;
        struct slot_job *j = start(f, "2580");

        slot_job_free(run_until_reported(f, j));
        assert_int_equal(f->result, 0);
        assert_true(secret_equal(secret_bytes(f->found), secret_bytes(f->vault_key)));
}

static struct slot made_slot(const struct fixture *f)
{
        struct reader r;
        struct slot s;

        reader_init(&r, writer_bytes(&f->made));
        assert_int_equal(slot_read(&r, &s), 0);
        return s;
}

static void a_slot_that_is_cheap_by_now_is_raised(void **state)
{
        struct fixture *f = *state;
        _cleanup_secret_ struct secret *factor = secret_copy(BYTES_STRING("2580")), *key = NULL;

        f->target_usec = 3600ULL * 1000000;
        slot_job_free(run_until_reported(f, start(f, "2580")));
        assert_int_equal(f->result, 0);
        assert_int_equal(made_slot(f).parameters.memory, 2 * ARGON2_MEMORY_MIN);
        assert_int_equal(made_slot(f).created, 1);
        struct slot raised = made_slot(f);
        assert_int_equal(slot_open(&raised, BYTES_STRING("account"), f->face_secret, factor, &key), 0);
        assert_true(secret_equal(secret_bytes(key), secret_bytes(f->vault_key)));
}

static void one_that_takes_its_time_stays(void **state)
{
        struct fixture *f = *state;

        f->target_usec = 1;
        slot_job_free(run_until_reported(f, start(f, "2580")));
        assert_int_equal(f->result, 0);
        assert_int_equal(f->made.size, 0);
}

static void a_wrong_factor_is_raised_nowhere(void **state)
{
        struct fixture *f = *state;

        f->target_usec = 3600ULL * 1000000;
        slot_job_free(run_until_reported(f, start(f, "2581")));
        assert_int_equal(f->result, -EKEYREJECTED);
        assert_int_equal(f->made.size, 0);
}

static void a_wrong_factor_brings_its_error(void **state)
{
        struct fixture *f = *state;
        struct slot_job *j = start(f, "2581");

        slot_job_free(run_until_reported(f, j));
        assert_int_equal(f->result, -EKEYREJECTED);
        assert_null(f->found);
}

static void a_job_that_was_freed_never_reports(void **state)
{
        struct fixture *f = *state;

        slot_job_free(start(f, "2580"));
        slot_job_free(run_until_reported(f, start(f, "2581")));
        assert_int_equal(f->reports, 1);
        assert_int_equal(f->result, -EKEYREJECTED);
}

static void a_malformed_slot_is_refused_at_once(void **state)
{
        struct fixture *f = *state;
        struct slot_job *j = NULL;

        assert_int_equal(try_start(f, BYTES_STRING("\x01\x01"), "2580", &j), -EBADMSG);
        assert_null(j);
}

static void a_slot_that_is_made_opens_with_its_factors(void **state)
{
        struct fixture *f = *state;
        struct slot_job *j = NULL;
        _cleanup_secret_ struct secret *made_key = NULL;

        assert_int_equal(try_start(f, BYTES(NULL, 0), "7391", &j), 0);
        slot_job_free(run_until_reported(f, j));
        assert_int_equal(f->result, 0);
        made_key = TAKE(f->found);
        f->reports = 0;
        assert_int_equal(try_start(f, writer_bytes(&f->made), "7391", &j), 0);
        slot_job_free(run_until_reported(f, j));
        assert_int_equal(f->result, 0);
        assert_true(secret_equal(secret_bytes(f->found), secret_bytes(made_key)));
}

static void a_factor_that_is_too_short_or_missing_is_told(void **state)
{
        struct fixture *f = *state;
        struct slot_job *j = start(f, "258");

        slot_job_free(run_until_reported(f, j));
        assert_int_equal(f->result, -EINVAL);
        f->reports = 0;
        j = start(f, "");
        slot_job_free(run_until_reported(f, j));
        assert_int_equal(f->result, -ENODATA);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(the_right_factors_bring_the_key, make, release),
                cmocka_unit_test_setup_teardown(a_slot_that_is_cheap_by_now_is_raised, make, release),
                cmocka_unit_test_setup_teardown(one_that_takes_its_time_stays, make, release),
                cmocka_unit_test_setup_teardown(a_wrong_factor_is_raised_nowhere, make, release),
                cmocka_unit_test_setup_teardown(a_wrong_factor_brings_its_error, make, release),
                cmocka_unit_test_setup_teardown(a_job_that_was_freed_never_reports, make, release),
                cmocka_unit_test_setup_teardown(a_malformed_slot_is_refused_at_once, make, release),
                cmocka_unit_test_setup_teardown(a_slot_that_is_made_opens_with_its_factors, make, release),
                cmocka_unit_test_setup_teardown(a_factor_that_is_too_short_or_missing_is_told, make, release),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
