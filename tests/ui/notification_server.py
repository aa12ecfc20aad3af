#!/usr/bin/python3
"""The session's notification service (org.freedesktop.Notifications) for puppet.py: writes each notification, a JSON array of its
summary and body, as a line to standard output, and activates one when a line with its number comes."""
import json
import sys

import dbus
import dbus.service
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib

NAME = "org.freedesktop.Notifications"


class Server(dbus.service.Object):
    def __init__(self, bus):
        super().__init__(bus, "/org/freedesktop/Notifications")
        self.count = 0

    @dbus.service.method(NAME, out_signature="as")
    def GetCapabilities(self):
        return ["actions", "body", "body-markup"]

    @dbus.service.method(NAME, out_signature="ssss")
    def GetServerInformation(self):
        return ("puppet", "visavis", "1", "1.2")

    @dbus.service.method(NAME, in_signature="susssasa{sv}i", out_signature="u")
    def Notify(self, application, replaces, icon, summary, body, actions, hints, timeout):
        self.count += 1
        print(json.dumps([str(summary), str(body)]), flush=True)
        return dbus.UInt32(replaces or self.count)

    @dbus.service.method(NAME, in_signature="u")
    def CloseNotification(self, number):
        self.NotificationClosed(number, dbus.UInt32(3))

    @dbus.service.signal(NAME, signature="uu")
    def NotificationClosed(self, number, reason):
        pass

    @dbus.service.signal(NAME, signature="us")
    def ActionInvoked(self, number, action):
        pass

    def on_line(self, source, condition):
        line = sys.stdin.readline()
        if not line:
            return False
        self.ActionInvoked(dbus.UInt32(int(line)), "default")
        return True


DBusGMainLoop(set_as_default=True)
session = dbus.SessionBus()
name = dbus.service.BusName(NAME, session)
server = Server(session)
GLib.io_add_watch(sys.stdin, GLib.IO_IN | GLib.IO_HUP, server.on_line)
print(json.dumps(["ready", ""]), flush=True)
GLib.MainLoop().run()
