/* visavis-bench hub: what a hub does in a second, and what that costs. */
#pragma once

int hub_bench(int argc, char *argv[]);
