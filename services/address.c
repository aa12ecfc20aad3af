/* Parsing and writing addresses. The text is cut at its separators, then each part is checked by itself. */
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "text.h"

static int refuse(const char **reason, const char *sentence)
{
        if (reason)
                *reason = sentence;
        return -EINVAL;
}

static char lower(char c)
{
        return c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
}

static bool is_alphanumeric(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static void make_lower(char *s)
{
        for (; *s; s++)
                *s = lower(*s);
}

static int parse_name(char *text, struct address *a, const char **reason)
{
        make_lower(text);
        size_t size = strlen(text);

        if (size == 0 || size >= sizeof(a->name))
                return refuse(reason, "The name before the @ must have 1 to 64 characters.");
        if (!is_alphanumeric(text[0]))
                return refuse(reason, "The name before the @ must start with a letter or a digit.");
        for (const char *p = text; *p; p++)
                if (!is_alphanumeric(*p) && !strchr("._-", *p))
                        return refuse(reason,
                                      "The name before the @ may hold only letters, digits, dots, underscores and "
                                      "hyphens.");
        memcpy(a->name, text, size + 1);
        return 0;
}

/* 1 to 63 characters a label, no hyphen at either end (RFC 1123 §2.1; an underscore is met in practice). */
static bool host_name_valid(const char *text)
{
        size_t label = 0;

        for (const char *p = text; *p; p++) {
                if (*p == '.') {
                        if (label == 0 || p[-1] == '-')
                                return false;
                        label = 0;
                        continue;
                }
                if (!is_alphanumeric(*p) && *p != '_' && (*p != '-' || label == 0))
                        return false;
                if (++label > 63)
                        return false;
        }
        return label > 0 && text[strlen(text) - 1] != '-';
}

/* A literal is kept in the one form that inet_ntop(3) writes, so that two spellings of it are equal. */
static int parse_ipv6(const char *text, struct address *a, const char **reason)
{
        struct in6_addr ip;

        if (inet_pton(AF_INET6, text, &ip) != 1 || !inet_ntop(AF_INET6, &ip, a->host, sizeof(a->host)))
                return refuse(reason, "What stands in brackets is not an IPv6 address.");
        return 0;
}

static int parse_host_name(char *text, struct address *a, const char **reason)
{
        size_t size = strlen(text);

        if (size == 0)
                return refuse(reason, "The host is missing.");
        if (size >= sizeof(a->host))
                return refuse(reason, "The host must have at most 253 characters.");
        make_lower(text);
        if (!host_name_valid(text))
                return refuse(reason,
                              "The host is neither a host name nor an IPv4 address nor an IPv6 address in brackets.");
        memcpy(a->host, text, size + 1);
        return 0;
}

/* Decimal digits without sign, spaces or leading zeros. */
static int parse_port(const char *text, struct address *a, const char **reason)
{
        unsigned long port = 0;
        size_t size = strlen(text);

        if (size == 0 || size > 5 || text[0] == '0' || strspn(text, "0123456789") != size)
                return refuse(reason, "The port must be a number from 1 to 65535.");
        port = strtoul(text, NULL, 10);
        if (port > UINT16_MAX)
                return refuse(reason, "The port must be a number from 1 to 65535.");
        a->port = (uint16_t) port;
        return 0;
}

static int parse_bracketed(char *text, struct address *a, const char **reason, const char **port)
{
        char *end = strchr(text, ']');

        if (!end || (end[1] != '\0' && end[1] != ':'))
                return refuse(reason,
                              "The bracket around the IPv6 address is not closed, or more than a port follows it.");
        *end = '\0';
        *port = end[1] == ':' ? end + 2 : NULL;
        return parse_ipv6(text + 1, a, reason);
}

static int parse_host_and_port(char *text, struct address *a, const char **reason)
{
        const char *port = NULL;
        int r;

        if (text[0] == '[') {
                r = parse_bracketed(text, a, reason, &port);
        } else {
                char *colon = strchr(text, ':');

                if (colon) {
                        *colon = '\0';
                        port = colon + 1;
                        if (strchr(port, ':'))
                                return refuse(reason, "An IPv6 address must stand in brackets.");
                }
                r = parse_host_name(text, a, reason);
        }
        if (r < 0)
                return r;
        a->port = ADDRESS_PORT_DEFAULT;
        return port ? parse_port(port, a, reason) : 0;
}

static int parse(const char *text, bool hub, struct address *out, const char **reason)
{
        struct address a = { 0 };
        char copy[ADDRESS_TEXT_MAX + 1];
        int r;

        if (strlen(text) >= sizeof(copy))
                return refuse(reason, "The address is too long.");
        strcpy(copy, text);

        char *key = strchr(copy, '#');
        if (key) {
                *key++ = '\0';
                if (base64url_decode(key, a.key, sizeof(a.key)) < 0)
                        return refuse(reason, "The key after the # must be 43 characters of base64url.");
                a.has_key = true;
        }

        char *host = strchr(copy, '@');
        if (hub && host)
                return refuse(reason, "A hub's address has no name and no @ in front.");
        if (!hub && !host)
                return refuse(reason, "The address must read name@host, for example alice@hub.example.org.");
        if (host) {
                *host++ = '\0';
                r = parse_name(copy, &a, reason);
                if (r < 0)
                        return r;
        }
        r = parse_host_and_port(host ? host : copy, &a, reason);
        if (r == 0)
                *out = a;
        return r;
}

int address_parse(const char *text, struct address *out, const char **reason)
{
        return parse(text, false, out, reason);
}

int address_parse_hub(const char *text, struct address *out, const char **reason)
{
        return parse(text, true, out, reason);
}

void address_format(const struct address *a, bool with_key, char out[static ADDRESS_TEXT_MAX])
{
        bool literal = strchr(a->host, ':') != NULL;
        _cleanup_free_ char *key = with_key && a->has_key ? base64url_encode(BYTES_OF(a->key)) : NULL;

        snprintf(out, ADDRESS_TEXT_MAX, "%s%s%s%s%s:%u%s%s", a->name, a->name[0] ? "@" : "", literal ? "[" : "",
                 a->host, literal ? "]" : "", a->port, key ? "#" : "", key ? key : "");
}

bool address_equal(const struct address *a, const struct address *b)
{
        return strcmp(a->name, b->name) == 0 && strcmp(a->host, b->host) == 0 && a->port == b->port;
}
