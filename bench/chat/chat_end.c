/* One end of a conversation on the bus, for measuring: chat_end send PATH CONVERSATION COUNT MICROSECONDS sends COUNT
 * texts, so long after each other (0: each as soon as the one before is answered, sixteen at a time); chat_end receive
 * PATH COUNT waits for so many MessageAdded. It says its unique name first, for a program that holds the unlock to
 * grant it, and begins with a line on its standard input. When it is done it prints the time of each, nanoseconds of
 * CLOCK_MONOTONIC: of the call, or of the signal. */
#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

enum { AT_ONCE = 16 };

#define SERVICE "im.visavis.Crypto1"
#define ACCOUNT "im.visavis.Crypto1.Account"

static sd_bus *bus;
static unsigned under_way, wanted;
static unsigned long long *times; /* so many as are wanted */
static unsigned count;

static unsigned long long now(void)
{
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (unsigned long long) t.tv_sec * 1000000000 + (unsigned long long) t.tv_nsec;
}

static void note_time(void)
{
        if (count < wanted)
                times[count++] = now();
}

static void turn(void)
{
        int r = sd_bus_process(bus, NULL);

        if (r == 0)
                r = sd_bus_wait(bus, UINT64_MAX);
        if (r < 0)
                errx(1, "the bus: %s", strerror(-r));
}

static int on_answer(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        const sd_bus_error *e = sd_bus_message_get_error(m);

        if (e)
                errx(1, "Send: %s", e->message);
        under_way--;
        return 0;
}

static int on_added(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
        note_time();
        return 0;
}

static void send_one(const char *path, const char *conversation, unsigned number)
{
        char text[128];
        int r;

        (void) snprintf(text, sizeof(text), "%-99u.", number);
        note_time();
        r = sd_bus_call_method_async(bus, NULL, SERVICE, path, ACCOUNT, "Send", on_answer, NULL, "ss", conversation,
                                     text);
        if (r < 0)
                errx(1, "Send: %s", strerror(-r));
        under_way++;
}

static void send_all(const char *path, const char *conversation, useconds_t pause)
{
        for (unsigned i = 0; i < wanted; i++) {
                send_one(path, conversation, i);
                while (under_way >= (pause > 0 ? 1 : AT_ONCE))
                        turn();
                (void) usleep(pause);
        }
        while (under_way > 0)
                turn();
}

int main(int argc, char *argv[])
{
        bool sends = argc == 6 && strcmp(argv[1], "send") == 0;
        const char *name;
        char line[16];

        if (!sends && !(argc == 4 && strcmp(argv[1], "receive") == 0))
                errx(2, "usage: chat_end send PATH CONVERSATION COUNT MICROSECONDS | chat_end receive PATH COUNT");
        wanted = (unsigned) strtoul(argv[sends ? 4 : 3], NULL, 10);
        times = calloc(wanted + 1, sizeof(*times));
        if (!times || sd_bus_new(&bus) < 0 || sd_bus_set_address(bus, getenv("VISAVIS_BUS")) < 0 ||
            sd_bus_set_bus_client(bus, 1) < 0 || sd_bus_start(bus) < 0 || sd_bus_get_unique_name(bus, &name) < 0)
                errx(1, "no bus");
        if (!sends && sd_bus_match_signal(bus, NULL, NULL, argv[2], ACCOUNT, "MessageAdded", on_added, NULL) < 0)
                errx(1, "no match");
        printf("%s\n", name);
        fflush(stdout);
        if (!fgets(line, sizeof(line), stdin))
                return 1;
        if (sends)
                send_all(argv[2], argv[3], (useconds_t) strtoul(argv[5], NULL, 10));
        while (!sends && count < wanted)
                turn();
        for (unsigned i = 0; i < count; i++)
                printf("%llu\n", times[i]);
        fflush(stdout);
        free(times);
        sd_bus_flush_close_unref(bus);
        return 0;
}
