#!/usr/bin/python3
"""Starts a program in the session that it is itself started in (dbus-run-session under Xvfb), and works its window as a person
would, through the accessibility bus: finds controls by name, types, clicks, presses keys, reads.

    puppet.py PROGRAM [ARGUMENT…]

Reads one command a line from standard input, a JSON array of a name below and its arguments, and answers each with a line:
{"value": …} or {"error": "…"}. It ends the program and itself when the input ends. desktop.py is the other end."""
import contextlib
import ctypes
import json
import os
import queue
import subprocess
import sys
import threading
import time

import gi
import pyatspi
gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # pylint: disable=wrong-import-position

PATIENCE = 60  # seconds in which something that is waited for must happen, on a machine that is busy with other things


class Failed(Exception):
    pass


def children(node):
    for i in range(node.childCount):
        child = node.getChildAtIndex(i)
        if child is not None:
            yield child


def showing(node):
    """GTK 4.8 does not know STATE_SHOWING; the program marks hidden pages as such itself."""
    return node.getState().contains(pyatspi.STATE_VISIBLE)


def text_of(node):
    try:
        text = node.queryText()
        return text.getText(0, text.characterCount)
    except NotImplementedError:
        return ""


def walk(node):
    """Every control that can be seen. A window changes while it is looked at; what has gone meanwhile is left out."""
    try:
        yield node
        for child in children(node):
            if showing(child):
                yield from walk(child)
    except GLib.Error:
        return


class Puppet:
    def __init__(self, command):
        Atspi.set_timeout(10000, 20000)  # milliseconds: a busy machine answers late
        self.launcher = subprocess.Popen(["/usr/libexec/at-spi-bus-launcher", "--launch-immediately"], stdout=sys.stderr)
        self.notices = subprocess.Popen(["/usr/bin/python3", os.path.join(os.path.dirname(os.path.abspath(__file__)), "notification_server.py")],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        time.sleep(0.5)
        self.notices.stdout.readline()  # it is on the bus
        self.noticed = queue.Queue()
        threading.Thread(target=lambda: [self.noticed.put(line) for line in self.notices.stdout], daemon=True).start()
        self.program = subprocess.Popen(command, stdout=sys.stderr)

    def stop(self):
        self.program.terminate()
        self.launcher.terminate()
        self.notices.terminate()
        try:
            self.program.wait(5)
        except subprocess.TimeoutExpired:
            self.program.kill()

    # -- looking -------------------------------------------------------------------------------------------------

    def application(self):
        if self.program.poll() is not None:
            raise Failed(f"the program has ended with {self.program.returncode}")
        for application in children(pyatspi.Registry.getDesktop(0)):
            if application.get_process_id() == self.program.pid:
                return application
        return None

    def nodes(self):
        application = self.application()
        for window in children(application) if application else ():
            yield from walk(window)

    def wait(self, look, what, patience=PATIENCE):
        deadline = time.monotonic() + patience
        while True:
            try:
                found = look()
            except GLib.Error:
                found = None
            if found:
                return found
            if time.monotonic() > deadline:
                raise Failed(f"{what}; to be seen: {self.texts()}")
            time.sleep(0.05)

    def texts(self):
        """All names and texts that can be seen, in order, without repetitions."""
        found = []
        for n in self.nodes():
            for text in (n.name, text_of(n)):
                if text and text not in found:
                    found.append(text)
        return found

    def tree(self):
        """Role, name and text of everything, for whoever writes a test."""
        return [(n.getRoleName(), n.name, text_of(n)) for n in self.nodes()]

    def unnamed(self):
        """Roles of the controls that a person can use and that nothing would be said about."""
        kinds = {"push button", "button", "toggle button", "menu button", "entry", "text", "password text", "list", "slider"}

        def look():
            return [[n.getRoleName() for n in self.nodes()
                     if n.getRoleName() in kinds and n.getState().contains(pyatspi.STATE_FOCUSABLE) and not n.name]]
        return self.wait(look, "the controls cannot be counted")[0]

    def see(self, text, patience=PATIENCE):
        """Waits until a text that holds @text can be seen; the whole of it."""
        def look():
            return next((t for n in self.nodes() for t in (n.name, text_of(n)) if text in t), None)
        return self.wait(look, f"“{text}” does not come", patience)

    def gone(self, text):
        """Waits until nothing that can be seen holds @text."""
        self.wait(lambda: not any(text in t for t in self.texts()), f"“{text}” does not go")

    def notified(self, patience=PATIENCE):
        """The next notification that the session got: its title and its text."""
        try:
            return json.loads(self.noticed.get(timeout=patience))
        except queue.Empty:
            raise Failed("no notification has come") from None

    def open_notice(self, number):
        """Clicks on a notification, counted from 1."""
        self.notices.stdin.write(f"{number}\n")
        self.notices.stdin.flush()

    # -- doing ---------------------------------------------------------------------------------------------------

    def click(self, name):
        """Does what a control is for. Rows of a list offer nothing to do in GTK 4.8: those get the mouse."""
        def look():
            for n in self.nodes():
                if n.name == name and n.getRoleName() not in ("label", "panel") and \
                        n.getState().contains(pyatspi.STATE_SENSITIVE):
                    return n
            return None
        node = self.wait(look, f"nothing to click on is called “{name}”")
        try:
            if node.queryAction().nActions > 0 and node.queryAction().doAction(0):
                return
        except NotImplementedError:
            pass
        box = self.resting(node)
        with Display() as display:
            display.click(box.x + box.width // 2, box.y + box.height // 2)

    @staticmethod
    def resting(node):
        """Where a control is when the page that it comes with has come to rest."""
        box, before = node.queryComponent().getExtents(pyatspi.WINDOW_COORDS), None
        while before is None or (box.x, box.y) != (before.x, before.y):
            time.sleep(0.25)
            box, before = node.queryComponent().getExtents(pyatspi.WINDOW_COORDS), box
        return box

    def field(self, name):
        def look():
            return next((n for n in self.nodes() if n.name == name and n.getState().contains(pyatspi.STATE_EDITABLE)), None)
        return self.wait(look, f"no field “{name}”")

    def type(self, name, text):
        """Replaces the content of a field."""
        if not self.field(name).queryEditableText().setTextContents(text):
            raise Failed(f"nothing can be typed into “{name}”")

    def content(self, name):
        return text_of(self.field(name))

    def press(self, keys):
        """A key with its modifiers, as a keyboard would: "Return", "Control+l"."""
        *modifiers, key = keys.split("+")
        with Display() as display:
            codes = [display.keycode({"Control": "Control_L", "Shift": "Shift_L"}.get(k, k)) for k in (*modifiers, key)]
            for code in codes:
                display.key(code, True)
            for code in reversed(codes):
                display.key(code, False)

    def widths(self):
        """Role, name and width of everything: what makes a window wider than it should be."""
        boxes = []
        for n in self.nodes():
            with contextlib.suppress(NotImplementedError):
                boxes.append((n.getRoleName(), n.name, n.queryComponent().getExtents(pyatspi.WINDOW_COORDS).width))
        return boxes

    def active(self):
        return any(w.getState().contains(pyatspi.STATE_ACTIVE) for w in children(self.application()))

    def resize(self, width, height):
        with Display() as display:
            display.resize_largest(width, height)
        time.sleep(0.3)

    def pid(self):
        return self.program.pid

    def alive(self):
        return self.program.poll() is None

    def leave(self):
        """Ends the program; its exit status."""
        self.program.terminate()
        return self.program.wait(10)


class Display:
    """The X display: no window manager runs here, so that what one does is done by hand."""

    def __init__(self):
        self.x = ctypes.CDLL("libX11.so.6")
        self.test = ctypes.CDLL("libXtst.so.6")
        self.x.XOpenDisplay.restype = ctypes.c_void_p
        self.display = ctypes.c_void_p(self.x.XOpenDisplay(None))
        self.root = ctypes.c_ulong(self.x.XDefaultRootWindow(self.display))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.x.XSync(self.display, 0)
        self.x.XCloseDisplay(self.display)

    def keycode(self, name):
        self.x.XStringToKeysym.restype = ctypes.c_ulong
        return self.x.XKeysymToKeycode(self.display, ctypes.c_ulong(self.x.XStringToKeysym(name.encode())))

    def key(self, code, down):
        self.test.XTestFakeKeyEvent(self.display, code, int(down), ctypes.c_ulong(20))

    def click(self, x, y):
        """In the window that fills the screen from its corner."""
        self.test.XTestFakeMotionEvent(self.display, -1, x, y, ctypes.c_ulong(20))
        for down in (1, 0):
            self.test.XTestFakeButtonEvent(self.display, 1, down, ctypes.c_ulong(20))

    def windows(self):
        """(area, window) of everything on the screen."""
        root, parent, n = ctypes.c_ulong(), ctypes.c_ulong(), ctypes.c_uint()
        list_ = ctypes.POINTER(ctypes.c_ulong)()
        self.x.XQueryTree(self.display, self.root, ctypes.byref(root), ctypes.byref(parent), ctypes.byref(list_), ctypes.byref(n))
        for i in range(n.value):
            w, h, x, y, b, d = (ctypes.c_uint() for _ in range(6))
            self.x.XGetGeometry(self.display, ctypes.c_ulong(list_[i]), ctypes.byref(root), ctypes.byref(x), ctypes.byref(y),
                                ctypes.byref(w), ctypes.byref(h), ctypes.byref(b), ctypes.byref(d))
            yield w.value * h.value, list_[i]

    def resize_largest(self, width, height):
        _, window = max(self.windows())
        self.x.XResizeWindow(self.display, ctypes.c_ulong(window), width, height)


def main():
    puppet = Puppet(sys.argv[1:])
    try:
        for line in sys.stdin:
            verb, *arguments = json.loads(line)
            try:
                value = getattr(puppet, verb)(*arguments)
                answer = {"value": value if isinstance(value, (str, int, list, type(None))) else None}
            except (Failed, GLib.Error) as error:
                answer = {"error": str(error)}
            print(json.dumps(answer), flush=True)
    finally:
        puppet.stop()


main()
