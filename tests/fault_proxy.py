"""A proxy between a client and a hub that does to each connection what networks do, as a seed says: the same seed, the same faults."""
import asyncio
import random
import socket
import struct
import threading

FAULTS = ("none", "delay", "stall", "reset", "truncate", "drip", "silence", "late")


class FaultProxy(threading.Thread):
    """Listens on a port of its own and passes connections on to @port on loopback. Fault number n is drawn from (@seed, n).

    none      passes everything
    delay     each piece arrives some milliseconds later
    stall     after so many bytes nothing moves for a second
    reset     after so many bytes both sides get a reset
    truncate  after so many bytes both sides see the end, in the middle of whatever it was
    drip      a few bytes at a time
    silence   accepted, and then nothing, until the proxy is told to be kind
    late      passed on so late that connections which came after it are there before it

    While it is not kind, no connection lives longer than some seconds, so that there are many draws.
    """

    def __init__(self, port, seed):
        super().__init__(daemon=True)
        self.target, self.seed, self.kind, self.count, self.drawn = port, seed, False, 0, {}
        self.loop = asyncio.new_event_loop()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.writers = set()
        self.start()

    def run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(asyncio.start_server(self.serve, sock=self.listener))
        self.loop.run_forever()

    def be_kind(self):
        """From now on there are no faults; what hangs is cut."""
        self.kind = True
        self.loop.call_soon_threadsafe(lambda: [self.cut(w) for w in list(self.writers)])

    def stop(self):
        def end():
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            self.loop.call_later(0.1, self.loop.stop)

        self.loop.call_soon_threadsafe(end)
        self.join()

    @staticmethod
    def cut(writer, reset=True):
        sock = writer.get_extra_info("socket")
        if reset and sock and sock.fileno() >= 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()

    async def serve(self, reader, writer):
        self.count += 1
        dice = random.Random(f"{self.seed} {self.count}")
        fault = "none" if self.kind else dice.choice(FAULTS)
        self.drawn[fault] = self.drawn.get(fault, 0) + 1
        self.writers.add(writer)
        onward = None
        try:
            if fault == "silence":
                await asyncio.sleep(3600)
            if fault == "late":
                await asyncio.sleep(dice.uniform(0.3, 1.5))
            back, onward = await asyncio.open_connection("127.0.0.1", self.target)
            self.writers.add(onward)
            at = dice.choice((dice.randrange(1, 600), dice.randrange(600, 4000), dice.randrange(4000, 100000)))
            count = [0]
            ends = [asyncio.ensure_future(self.pump(reader, onward, fault, at, dice, count)),
                    asyncio.ensure_future(self.pump(back, writer, fault, at, dice, count))]
            lifetime = None if self.kind else dice.uniform(0.5, 2.5)
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED, timeout=lifetime)
            for end in ends:
                end.cancel()
            await asyncio.gather(*ends, return_exceptions=True)
        except OSError:
            pass
        finally:
            for w in (writer, onward):
                if w:
                    self.writers.discard(w)
                    self.cut(w, fault == "reset")

    @staticmethod
    async def pump(reader, writer, fault, at, dice, count):
        """@count: bytes of both directions; @at: how many it takes for the fault."""
        while data := await reader.read(16384):
            if fault == "delay":
                await asyncio.sleep(dice.uniform(0.001, 0.05))
            if fault == "stall" and count[0] < at <= count[0] + len(data):
                await asyncio.sleep(1)
            if fault in ("reset", "truncate") and count[0] + len(data) >= at:
                writer.write(data[:at - count[0]])
                await writer.drain()
                return
            count[0] += len(data)
            step = 700 if fault == "drip" else len(data)
            for i in range(0, len(data), step):
                writer.write(data[i:i + step])
                await writer.drain()
                if fault == "drip":
                    await asyncio.sleep(0.005)
