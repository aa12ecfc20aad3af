/* Several people to be chosen: the contacts, to be ticked, and a field for whoever is none. */
#pragma once

#include <adwaita.h>

#include "ui/client/account.h"

struct people_picker;

/* Adds its groups to @page, and lives as long as that. @changed is called when other people are chosen. */
struct people_picker *people_picker_new(AdwPreferencesPage *page, struct account *a, void (*changed)(void *userdata),
                                        void *userdata);

/* Addresses that are chosen, without repetitions, owned by the picker; NULL at the end. */
const char *const *people_picker_chosen(struct people_picker *p);

/* These are not offered. */
void people_picker_leave_out(struct people_picker *p, const char *address);

/* Asks for the contacts; once, when all that is left out has been said. */
void people_picker_start(struct people_picker *p);
