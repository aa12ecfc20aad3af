#!/usr/bin/python3
"""Finding what was said, and taking it along."""
import json
import os
import sys

import dbus

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from checks import check, finish  # noqa: E402
from cryptod_stage import refused, run, two_who_talk, wait_for  # noqa: E402


def play_history(alice, bob, conversation, theirs):
    hers, his = (p.of(p.path, "im.visavis.Crypto1.History") for p in (alice, bob))

    def found(words, **options):
        return [int(m) for _, m in hers.Search(words, dbus.Dictionary(options, signature="sv"))]

    def export(history, talk, form):
        ours, pipe = os.pipe()
        history.Export(talk, form, dbus.types.UnixFd(pipe))
        os.close(pipe)
        with os.fdopen(ours, "rb") as f:
            return f.read().decode()

    first = int(alice.account.Send(conversation, "The Heron stands in the REEDS"))
    second = int(alice.account.Send(conversation, "a heron\nflies"))
    wait_for(lambda: bob.history(theirs)[-1][1] == "a heron\nflies")
    check("words are found, the newest first", found("heron") == [second, first], found("heron"))
    check("all of them, whatever their case", found("HERON reeds") == [first] and found("heron kingfisher") == [])
    check("page by page", found("heron", limit=dbus.UInt32(1)) == [second] and found("heron", before=dbus.UInt64(second)) == [first])
    check("in one conversation or in all", found("heron", conversation=conversation) == [second, first] and
          [str(c) for c, _ in hers.Search("heron", dbus.Dictionary(signature="sv"))] == [conversation] * 2)
    check("nothing is no question", refused("InvalidArgument", found, " ") and refused("InvalidArgument", found, "x" * 5000))
    check("nor is it asked of what is not there", refused("NotFound", lambda: found("x", conversation="0" * 32)))
    alice.account.Lock()
    alice.unlock()
    check("they are found after a log-in, too", found("heron") == [second, first])
    bob.account.Send(theirs, "heron number three")
    check("and what has come since", wait_for(lambda: len(found("heron")) == 3))

    messages = {int(m[0]): int(m[3]) for m in alice.account.ReadMessages(conversation, dbus.UInt64(0), dbus.UInt32(500), False)}
    check("a day is found", int(hers.MessageAt(conversation, dbus.UInt64(messages[second]))) == second and
          int(hers.MessageAt(conversation, dbus.UInt64(0))) == min(messages))
    check("one that has not come is not", refused("NotFound", hers.MessageAt, conversation, dbus.UInt64(2 ** 63 - 1)))

    exported = json.loads(export(hers, conversation, "json"))
    check("a conversation is taken along as JSON", exported["conversation"] == bob.plain_address and
          [m["id"] for m in exported["messages"]] == sorted(messages) and
          [(m["sender"], m["text"]) for m in exported["messages"] if m["id"] == second] == [(alice.plain_address, "a heron\nflies")])
    alice.messages.React(conversation, dbus.UInt64(second), dbus.Array(["\U0001f426"], signature="s"))
    alice.messages.Pin(conversation, dbus.UInt64(second), True)
    wait_for(lambda: "\U0001f426" in export(his, theirs, "text"))
    one, = [m for m in json.loads(export(hers, conversation, "json"))["messages"] if m["id"] == second]
    check("with all that was said of it", exported["version"] == 1 and one["reactions"] == [{"who": alice.plain_address, "emoji": ["\U0001f426"]}] and
          one["pinned"] is True, one)

    def stream(talk=conversation, **options):
        ours, pipe = os.pipe()
        hers.Stream(talk, dbus.Dictionary({name: dbus.UInt64(value) for name, value in options.items()}, signature="sv"), dbus.types.UnixFd(pipe))
        os.close(pipe)
        with os.fdopen(ours, "rb") as f:
            return [json.loads(line) for line in f]

    def ids(**options):
        return [m["id"] for m in stream(**options)]
    def page(**options):
        return [int(m["Id"]) for m in alice.messages.Read(conversation, dbus.Dictionary({k: dbus.UInt64(v) for k, v in options.items()}, signature="sv"))]
    check("a page begins with a message, or behind it", page(**{"from": second})[0] == second and page(after=second)[0] > second and
          page(**{"from": 1}) == page()[::-1] and page(**{"from": second, "before": second + 1}) == [second], page())
    alice.account.Send(conversation, "and the fourth heron")
    check("with how far it has come", wait_for(lambda: stream(before=0, limit=1)[0].get("delivered_to") == 1) and
          stream(before=0, limit=1)[0]["state"] == "delivered", stream(before=0, limit=1))
    everything = sorted(int(m[0]) for m in alice.account.ReadMessages(conversation, dbus.UInt64(0), dbus.UInt32(500), False))
    check("messages stream as lines, from the beginning", ids() == everything, (ids(), everything))
    check("behind a message", ids(after=everything[1]) == everything[2:] and ids(after=everything[0], limit=1) == everything[1:2])
    check("and before one, the newest first", ids(before=0) == everything[::-1] and ids(before=everything[2]) == everything[1::-1] and
          ids(before=0, limit=2) == everything[:-3:-1], ids(before=0))
    check("beyond the ends there is nothing", ids(after=everything[-1]) == ids(before=everything[0]) == [])
    check("what makes no sense is refused", refused("InvalidArgument", lambda: ids(after=1, before=2)) and refused("InvalidArgument", lambda: ids(since=1)) and
          refused("InvalidArgument", lambda: ids(after=2**63)) and refused("NotFound", lambda: stream("0" * 32)))
    text = export(his, theirs, "text")
    check("and as a text, in which no line passes for a message", f"{alice.plain_address}  a heron\n    " in text and "number three" in text and
          f"\U0001f426 {alice.plain_address}" in text and "(pinned)" in text, text)
    check("in no other form", refused("InvalidArgument", hers.Export, conversation, "xml", dbus.types.UnixFd(0)))
    stranger = type(alice)(alice.stage, alice.authd, alice.id, alice.name)
    theirs_too = stranger.of(alice.path, "im.visavis.Crypto1.History")
    check("all of that needs an unlock", refused("Locked", theirs_too.Search, "heron", dbus.Dictionary(signature="sv")) and
          refused("Locked", theirs_too.Export, conversation, "text", dbus.types.UnixFd(0)) and
          refused("Locked", theirs_too.Stream, conversation, dbus.Dictionary(signature="sv"), dbus.types.UnixFd(0)) and refused("Locked", theirs_too.Clear, conversation))

    def kept(scope):
        days, messages, own = hers.Retention(scope)
        return int(days), int(messages), bool(own)

    hers.SetRetention("", dbus.UInt32(30), dbus.UInt32(0))
    check("a limit of all is one of each", kept(conversation) == (30, 0, False) and kept("") == (30, 0, False), kept(conversation))
    hers.SetRetention(conversation, dbus.UInt32(0), dbus.UInt32(1))
    check("a conversation can have its own", kept(conversation) == (0, 1, True))
    check("what is more is gone here, and found no more", wait_for(lambda: len(found("heron")) == 1) and len(alice.history(conversation)) == 1)
    hers.UnsetRetention(conversation)
    check("or go without", kept(conversation) == (30, 0, False) and refused("NotFound", hers.Retention, "0" * 32) and
          refused("InvalidArgument", hers.SetRetention, "", dbus.UInt32(36501), dbus.UInt32(0)) and refused("Locked", theirs_too.Retention, ""))
    hers.Clear(conversation)
    check("what is cleared is gone here", alice.history(conversation) == [] and found("heron") == [])
    check("and not there", "a heron\nflies" in [t for _, t, _ in bob.history(theirs)])
    bob.account.Send(theirs, "afterwards")
    check("and the conversation goes on", wait_for(lambda: alice.history(conversation) == [("bob", "afterwards", "received")]))


def play(stage):
    alice, bob, conversation, theirs = two_who_talk(stage)
    play_history(alice, bob, conversation, theirs)
    return finish()


run(play)
