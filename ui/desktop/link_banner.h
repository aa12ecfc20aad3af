/* A bar that is there while the hub is not: what that means, and a button that tries now. */
#pragma once

#include <gtk/gtk.h>
#include <systemd/sd-bus.h>

struct link_banner;

/* Its widget is a child of @parent from now on, the last one; it lives as long as that. */
struct link_banner *link_banner_new(GtkBox *parent);

/* Follows the link of the account with this id. */
void link_banner_follow(struct link_banner *b, sd_bus *bus, const char *account);
void link_banner_stop(struct link_banner *b);
