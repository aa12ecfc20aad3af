/* The text form of a log line. Where a journal listens and standard error is not a terminal, lines go there and are not
 * seen here. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmocka_headers.h"
#include "services/log.h"
#include "stderr_capture.h"

static void a_line_names_the_program_and_ends_with_its_fields(void **state)
{
        struct capture c;
        char wanted[128];

        if (access("/run/systemd/journal/socket", F_OK) == 0)
                skip();
        log_open("visavis-test", LOG_INFO);
        capture_begin(&c);
        log_fields(LOG_NOTICE, (const char *[]){ "CAMERA=front", "ACCOUNT=a", NULL }, "Camera %s is virtual.", "front");
        snprintf(wanted, sizeof(wanted), "visavis-test[%d]: Camera front is virtual. CAMERA=front ACCOUNT=a\n",
                 (int) getpid());
        assert_string_equal(capture_end(&c), wanted);
}

static void less_important_lines_are_dropped(void **state)
{
        struct capture c;

        if (access("/run/systemd/journal/socket", F_OK) == 0)
                skip();
        log_open("visavis-test", LOG_WARNING);
        capture_begin(&c);
        log_notice("not seen");
        log_debug("not seen");
        log_warning("seen");
        const char *text = capture_end(&c);
        assert_null(strstr(text, "not seen"));
        assert_non_null(strstr(text, ": seen\n"));
}

static void a_name_cannot_forge_a_line(void **state)
{
        struct capture c;

        if (access("/run/systemd/journal/socket", F_OK) == 0)
                skip();
        log_open("visavis-test", LOG_INFO);
        capture_begin(&c);
        log_info("Name: %s", "x\nvisavis-authd[1]: forged\033[2J");
        const char *text = capture_end(&c);
        assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
        assert_null(strchr(text, '\033'));
}

static void errno_survives_a_line(void **state)
{
        struct capture c;

        log_open("visavis-test", LOG_INFO);
        capture_begin(&c);
        errno = EXDEV;
        log_info("a line");
        int saved = errno;
        capture_end(&c);
        assert_int_equal(saved, EXDEV);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_line_names_the_program_and_ends_with_its_fields),
                cmocka_unit_test(less_important_lines_are_dropped),
                cmocka_unit_test(a_name_cannot_forge_a_line),
                cmocka_unit_test(errno_survives_a_line),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
