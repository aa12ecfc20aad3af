/* Times as a person says them. */
#include "ui/desktop/when.h"

/* Local time; what no calendar has (a hostile clock) becomes the start of the epoch. */
static GDateTime *local(uint64_t usec)
{
        GDateTime *t = usec / G_USEC_PER_SEC <= G_MAXINT64
                               ? g_date_time_new_from_unix_local((gint64) (usec / G_USEC_PER_SEC))
                               : NULL;

        return t ? t : g_date_time_new_from_unix_local(0);
}

/* Midnights between the two; negative if @t is in the future. */
static int days_ago(GDateTime *t, GDateTime *now)
{
        GDate a, b;

        g_date_set_dmy(&a, (GDateDay) g_date_time_get_day_of_month(t), (GDateMonth) g_date_time_get_month(t),
                       (GDateYear) g_date_time_get_year(t));
        g_date_set_dmy(&b, (GDateDay) g_date_time_get_day_of_month(now), (GDateMonth) g_date_time_get_month(now),
                       (GDateYear) g_date_time_get_year(now));
        return g_date_days_between(&a, &b);
}

char *when_short(uint64_t usec, GDateTime *now)
{
        if (usec == 0)
                return g_strdup("");
        g_autoptr(GDateTime) t = local(usec);
        int days = days_ago(t, now);

        if (days == 0)
                return g_date_time_format(t, "%H:%M");
        if (days == 1)
                return g_strdup("Yesterday");
        if (days > 1 && days < 7)
                return g_date_time_format(t, "%a");
        return g_date_time_format(t, g_date_time_get_year(t) == g_date_time_get_year(now) ? "%-e %b" : "%Y-%m-%d");
}

char *when_clock(uint64_t usec)
{
        g_autoptr(GDateTime) t = local(usec);

        return g_date_time_format(t, "%H:%M");
}

char *when_full(uint64_t usec)
{
        g_autoptr(GDateTime) t = local(usec);

        return g_date_time_format(t, "%A, %-e %B %Y, %H:%M:%S");
}

char *when_span(uint64_t seconds)
{
        static const struct {
                uint64_t seconds;
                const char *name;
        } units[] = { { 604800, "week" }, { 86400, "day" }, { 3600, "hour" }, { 60, "minute" }, { 1, "second" } };
        unsigned i = 0;

        while (seconds % units[i].seconds != 0)
                i++;
        uint64_t count = seconds / units[i].seconds;
        return g_strdup_printf("%" G_GUINT64_FORMAT " %s%s", count, units[i].name, count == 1 ? "" : "s");
}

char *when_day(uint64_t usec, GDateTime *now)
{
        g_autoptr(GDateTime) t = local(usec);
        int days = days_ago(t, now);

        if (days == 0)
                return g_strdup("Today");
        if (days == 1)
                return g_strdup("Yesterday");
        if (days > 1 && days < 7)
                return g_date_time_format(t, "%A");
        return g_date_time_format(t, g_date_time_get_year(t) == g_date_time_get_year(now) ? "%-e %B" : "%-e %B %Y");
}

bool when_same_day(uint64_t a, uint64_t b)
{
        g_autoptr(GDateTime) first = local(a), second = local(b);

        return days_ago(first, second) == 0;
}
