/* visavis-bench files: how fast a file goes to a hub and comes back, beside TLS alone. */
#pragma once

int files_bench(int argc, char *argv[]);
