/* A message as the terminal shows it: what it replies to, what others think of it, how far it has come.
 *
 *     12:30  alice     tea?  ✓✓  #17
 *            |         👍 bob  ❤ you
 *     12:31  bob       > alice: tea?
 *            |         coffee (edited)  #18                                                                        */
#pragma once

#include "ui/client/messages.h"

/* Prints one, with its number (to name it by) if @numbers, or as a JSON object. Further lines are marked, so that they
 * cannot pass for messages. */
void output_said(const struct said *s, bool numbers, bool json);
