/* See report.h. */
#include "report.h"

#include <inttypes.h>
#include <sys/statvfs.h>

#include "services/cleanup.h"

const char *policy_name(enum store_policy policy)
{
        static const char *const names[] = {
                [STORE_OPEN] = "open", [STORE_INVITED] = "invitation", [STORE_CLOSED] = "closed"
        };

        return names[policy];
}

void report_take(struct report *r, struct hub *h, const char *address, uint64_t since_usec)
{
        r->address = address;
        r->since_usec = since_usec;
        r->registration = hub_settings(h)->registration;
        r->access_log = hub_access_log(h) != NULL;
        r->access_log_bytes = access_log_size(hub_access_log(h));
        r->figures = hub_figures(h);
}

int report_count(struct report *r, const struct store *s, const char *directory)
{
        struct store_view *v;
        struct statvfs disk;
        int e = store_view_open(s, &v);

        if (e < 0)
                return e;
        e = store_view_census(v, &r->census);
        store_view_close(v);
        if (statvfs(directory, &disk) == 0)
                r->disk_free_bytes = (int64_t) (disk.f_bavail * disk.f_frsize);
        return e;
}

json_object *report_json(const struct report *r)
{
        const struct {
                const char *name;
                uint64_t value;
        } numbers[] = {
                { "since_usec", r->since_usec },
                { "links", r->figures.connections },
                { "links_unproven", r->figures.unproven },
                { "links_accepted", r->figures.accepted },
                { "links_refused", r->figures.refused },
                { "accounts", (uint64_t) r->census.accounts },
                { "invitations", (uint64_t) r->census.invitations },
                { "registrations", r->figures.registrations },
                { "messages", r->figures.messages },
                { "entries", r->figures.entries },
                { "waiting_messages", (uint64_t) r->census.entries },
                { "waiting_bytes", (uint64_t) r->census.bytes },
                { "chunk_bytes", (uint64_t) r->census.chunk_bytes },
                { "queued_bytes", r->figures.queued_bytes },
                { "buffer_bytes", r->figures.buffer_bytes },
                { "links_evicted", r->figures.evicted },
                { "commits", r->figures.commits.batches },
                { "commit_requests", r->figures.commits.requests },
                { "commit_usec", r->figures.commits.usec },
                { "commit_longest_usec", r->figures.commits.usec_longest },
                { "access_log_bytes", (uint64_t) r->access_log_bytes },
                { "disk_bytes", (uint64_t) r->census.disk_bytes },
                { "disk_free_bytes", (uint64_t) r->disk_free_bytes },
        };
        json_object *o = json_object_new_object();

        json_object_object_add(o, "version", json_object_new_string(VISAVIS_VERSION));
        json_object_object_add(o, "address", json_object_new_string(r->address));
        json_object_object_add(o, "registration", json_object_new_string(policy_name(r->registration)));
        json_object_object_add(o, "access_log", json_object_new_boolean(r->access_log));
        for (unsigned i = 0; i < COUNT_OF(numbers); i++)
                json_object_object_add(o, numbers[i].name, json_object_new_uint64(numbers[i].value));
        return o;
}

enum metric_type { GAUGE, COUNTER };

static void write_metric(FILE *f, const char *name, enum metric_type type, const char *unit, const char *help,
                         double value)
{
        fprintf(f, "# TYPE visavis_hub_%s %s\n", name, type == COUNTER ? "counter" : "gauge");
        if (*unit)
                fprintf(f, "# UNIT visavis_hub_%s %s\n", name, unit);
        fprintf(f, "# HELP visavis_hub_%s %s\nvisavis_hub_%s%s %.17g\n", name, help, name,
                type == COUNTER ? "_total" : "", value);
}

void report_metrics(const struct report *r, FILE *f)
{
        const struct hub_figures *h = &r->figures;
        const struct store_census *c = &r->census;
        const struct {
                const char *name;
                enum metric_type type;
                const char *unit, *help;
                double value;
        } metrics[] = {
                { "start_time_seconds", GAUGE, "seconds", "When the hub was started, since 1970.",
                  (double) r->since_usec / 1e6 },
                { "accepted_links", COUNTER, "", "Links that were let in.", (double) h->accepted },
                { "refused_links", COUNTER, "", "Links that were turned away for there were too many.",
                  (double) h->refused },
                { "evicted_links", COUNTER, "", "Links that were ended for the memory that they held.",
                  (double) h->evicted },
                { "buffer_bytes", GAUGE, "bytes", "What the buffers of all links hold.", (double) h->buffer_bytes },
                { "registrations", COUNTER, "", "Names that were registered.", (double) h->registrations },
                { "messages", COUNTER, "", "Messages that were taken from senders.", (double) h->messages },
                { "entries", COUNTER, "", "Messages that were put in mailboxes, one for each receiver.",
                  (double) h->entries },
                { "queued_bytes", GAUGE, "bytes", "Requests that wait for the disk.", (double) h->queued_bytes },
                { "commits", COUNTER, "", "Transactions.", (double) h->commits.batches },
                { "commit_requests", COUNTER, "", "Requests in them.", (double) h->commits.requests },
                { "commit_seconds", COUNTER, "seconds", "Time that they took.", (double) h->commits.usec / 1e6 },
                { "longest_commit_seconds", GAUGE, "seconds", "The longest of them.",
                  (double) h->commits.usec_longest / 1e6 },
                { "accounts", GAUGE, "", "Accounts.", (double) c->accounts },
                { "invitations", GAUGE, "", "Invitations that are good.", (double) c->invitations },
                { "waiting_messages", GAUGE, "", "Messages in mailboxes.", (double) c->entries },
                { "waiting_bytes", GAUGE, "bytes", "Messages in mailboxes.", (double) c->bytes },
                { "chunk_bytes", GAUGE, "bytes", "Chunks of files.", (double) c->chunk_bytes },
                { "disk_bytes", GAUGE, "bytes", "The database.", (double) c->disk_bytes },
                { "disk_free_bytes", GAUGE, "bytes", "Room on its disk.", (double) r->disk_free_bytes },
        };

        fprintf(f,
                "# TYPE visavis_hub info\n# HELP visavis_hub The program.\nvisavis_hub_info{version=\"%s\"} 1\n"
                "# TYPE visavis_hub_links gauge\n# HELP visavis_hub_links Links that are up.\n"
                "visavis_hub_links{state=\"proven\"} %u\nvisavis_hub_links{state=\"unproven\"} %u\n",
                VISAVIS_VERSION, h->connections - h->unproven, h->unproven);
        for (unsigned i = 0; i < COUNT_OF(metrics); i++)
                write_metric(f, metrics[i].name, metrics[i].type, metrics[i].unit, metrics[i].help, metrics[i].value);
        fputs("# EOF\n", f);
}
