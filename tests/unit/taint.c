#include "tests/unit/taint.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <valgrind/memcheck.h>

static unsigned number, failed, reported;

void taint_begin(char **argv, const char *suppressions)
{
        char probe[4096], option[4096];

        setvbuf(stdout, NULL, _IOLBF, 0);
        if (RUNNING_ON_VALGRIND && argv[1])
                exit(0); /* it can */
        if (RUNNING_ON_VALGRIND)
                return;
        snprintf(probe, sizeof(probe), "valgrind --quiet '%s' probe >/dev/null 2>&1", argv[0]);
        snprintf(option, sizeof(option), "--suppressions=%s", suppressions);
        if (system(probe) == 0)
                execlp("valgrind", "valgrind", "--quiet", "--error-limit=no", "--leak-check=no", option, argv[0], NULL);
        puts("1..0 # SKIP valgrind cannot run this program here");
        exit(0);
}

void taint(const void *p, size_t size)
{
        (void) VALGRIND_MAKE_MEM_UNDEFINED(p, size);
}

void untaint(const void *p, size_t size)
{
        (void) VALGRIND_MAKE_MEM_DEFINED(p, size);
}

bool is_tainted(const void *p, size_t size)
{
        uint8_t bits;
        bool all = size > 0;

        for (size_t i = 0; i < size; i++)
                all = all && VALGRIND_GET_VBITS((const uint8_t *) p + i, &bits, 1) == 1 && bits == 0xff;
        return all;
}

bool untainted(bool value)
{
        untaint(&value, sizeof(value));
        return value;
}

static void line(const char *name, bool good, const char *why)
{
        printf("%sok %u - %s%s\n", good ? "" : "not ", ++number, name, good ? "" : why);
        failed += !good;
        reported = VALGRIND_COUNT_ERRORS;
}

void step(const char *name, bool good)
{
        line(name, good && VALGRIND_COUNT_ERRORS == reported, good ? " # depends on a secret" : " # did not work");
}

void step_that_leaks(const char *name)
{
        line(name, VALGRIND_COUNT_ERRORS > reported, " # memcheck saw nothing");
}

int taint_end(void)
{
        printf("1..%u\n", number);
        return failed > 0;
}
