/* Structured log lines: to the journal where there is one, else to stderr with the fields behind the sentence.
 *
 * A line is a sentence for a person plus fields for a program. Secrets and message contents never go in either. */
#pragma once

#include <syslog.h>

/* Names the program (SYSLOG_IDENTIFIER) and looks once whether a journal listens. Lines below @max_priority in
 * importance (syslog.h: larger numbers) are dropped. */
void log_open(const char *identifier, int max_priority);

/* "KEY=value" fields before the sentence, ended by NULL:
 *     log_fields(LOG_NOTICE, (const char *[]){ "ACCOUNT=…", "CAMERA=…", NULL }, "Camera %s is virtual.", name);  */
void log_fields(int priority, const char *const *fields, const char *format, ...) __attribute__((format(printf, 3, 4)));

#define log_error(...) log_fields(LOG_ERR, NULL, __VA_ARGS__)
#define log_warning(...) log_fields(LOG_WARNING, NULL, __VA_ARGS__)
#define log_notice(...) log_fields(LOG_NOTICE, NULL, __VA_ARGS__)
#define log_info(...) log_fields(LOG_INFO, NULL, __VA_ARGS__)
#define log_debug(...) log_fields(LOG_DEBUG, NULL, __VA_ARGS__)
