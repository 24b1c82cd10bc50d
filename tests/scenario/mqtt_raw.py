"""Packets of MQTT 3.1.1 and 5.0 as bytes, and a socket that says and hears them."""
import socket

PATIENCE = 20


def varint(n):
    out = bytearray()
    while True:
        out.append(n & 0x7f | (0x80 if n > 0x7f else 0))
        n >>= 7
        if n == 0:
            return bytes(out)


def text(s):
    b = s.encode() if isinstance(s, str) else s
    return len(b).to_bytes(2, 'big') + b


def packet(first, body=b''):
    return bytes([first]) + varint(len(body)) + body


def props(b=b''):
    return varint(len(b)) + b


def expiry(s):
    return b'\x11' + s.to_bytes(4, 'big')


def user(k, v):
    return b'\x26' + text(k) + text(v)


def connect(cid='', level=5, clean=True, keep=0, p=b'', will=None, flags=0, name='MQTT', username=None,
            password=None):
    """will: (topic, payload, qos, retain, properties)"""
    f, tail = flags | (2 if clean else 0), text(cid)
    if will:
        topic, payload, qos, retain, wp = will
        f |= 4 | qos << 3 | (0x20 if retain else 0)
        tail += (props(wp) if level == 5 else b'') + text(topic) + text(payload)
    if username is not None:
        f |= 0x80
        tail += text(username)
    if password is not None:
        f |= 0x40
        tail += text(password)
    head = text(name) + bytes([level, f]) + keep.to_bytes(2, 'big')
    return packet(0x10, head + (props(p) if level == 5 else b'') + tail)


def publish(topic, payload=b'', qos=0, pid=None, retain=False, dup=False, p=b'', v=5):
    body = text(topic) + (pid.to_bytes(2, 'big') if pid is not None else b'')
    return packet(0x30 | dup << 3 | qos << 1 | retain, body + (props(p) if v == 5 else b'') +
                  (payload.encode() if isinstance(payload, str) else payload))


def subscribe(pid, *filters, p=b'', v=5):
    """filters: (text, options)"""
    return packet(0x82, pid.to_bytes(2, 'big') + (props(p) if v == 5 else b'') +
                  b''.join(text(f) + bytes([o]) for f, o in filters))


def unsubscribe(pid, *filters, p=b'', v=5):
    return packet(0xa2, pid.to_bytes(2, 'big') + (props(p) if v == 5 else b'') + b''.join(map(text, filters)))


def ack(first, pid, reason=None):
    return packet(first, pid.to_bytes(2, 'big') + (bytes([reason]) if reason is not None else b''))


def puback(pid, reason=None):
    return ack(0x40, pid, reason)


def pubrec(pid, reason=None):
    return ack(0x50, pid, reason)


def pubrel(pid, reason=None):
    return ack(0x62, pid, reason)


def pubcomp(pid, reason=None):
    return ack(0x70, pid, reason)


def disconnect(reason=None, p=b''):
    return packet(0xe0, (bytes([reason]) + (props(p) if p else b'')) if reason is not None else b'')


PING = b'\xc0\0'
PONG = b'\xd0\0'


class Message:
    """A PUBLISH that came."""
    NUMBERS = {0x01: 1, 0x02: 4, 0x23: 2}

    def __init__(self, first, body, v):
        self.qos, self.retain, self.dup = first >> 1 & 3, first & 1, first >> 3 & 1
        n = int.from_bytes(body[:2], 'big')
        self.topic, body = body[2:2 + n].decode(), body[2 + n:]
        self.id, self.ids, self.order, self.props = 0, [], [], {}
        if self.qos:
            self.id, body = int.from_bytes(body[:2], 'big'), body[2:]
        if v == 5:
            n, body = cut_varint(body)
            self.read(body[:n])
            body = body[n:]
        self.payload = body

    def read(self, p):
        while p:
            code, p = p[0], p[1:]
            if code == 0x0b:
                n, p = cut_varint(p)
                self.ids.append(n)
            elif code in self.NUMBERS:
                n = self.NUMBERS[code]
                self.props[code], p = int.from_bytes(p[:n], 'big'), p[n:]
            elif code == 0x26:
                k, p = cut_text(p)
                w, p = cut_text(p)
                self.order.append((k, w))
            else:
                self.props[code], p = cut_text(p)


def cut_varint(b):
    n = shift = 0
    for i, x in enumerate(b):
        n |= (x & 0x7f) << shift
        shift += 7
        if not x & 0x80:
            return n, b[i + 1:]
    raise AssertionError('a number is cut off')


def cut_text(b):
    n = int.from_bytes(b[:2], 'big')
    return b[2:2 + n], b[2 + n:]


class Raw:
    def __init__(self, port, v=5):
        self.v, self.buf = v, b''
        self.s = socket.create_connection(('127.0.0.1', port), PATIENCE)

    def send(self, *b):
        self.s.sendall(b''.join(b))
        return self

    def packet(self):
        """(first byte, body), None when the server closed."""
        while True:
            if len(self.buf) >= 2:
                head = next((i for i in range(1, min(5, len(self.buf))) if not self.buf[i] & 0x80), None)
                if head is not None:
                    n, _ = cut_varint(self.buf[1:])
                    if len(self.buf) >= head + 1 + n:
                        first, body = self.buf[0], self.buf[head + 1:head + 1 + n]
                        self.size = head + 1 + n
                        self.buf = self.buf[head + 1 + n:]
                        return first, body
            try:
                b = self.s.recv(65536)
            except ConnectionResetError:
                b = b''
            if not b:
                assert not self.buf, ('half a packet at the end', self.buf)
                return None
            self.buf += b

    def expect(self, *want):
        """Exactly these packets, as bytes."""
        for w in want:
            got = self.packet()
            assert got is not None and packet(*got) == w, (got and packet(*got).hex(' '), w.hex(' '))
        return self

    def quiet(self):
        """Nothing has come: what was asked for after it is the first thing that comes."""
        return self.send(PING).expect(PONG)

    def messages(self, n):
        out = []
        for _ in range(n):
            first, body = self.packet()
            assert first >> 4 == 3, (hex(first), body)
            out.append(Message(first, body, self.v))
        return out

    def closed(self, reason=None):
        """The server ends it; reason: of the DISCONNECT before that (MQTT 5)."""
        got = self.packet()
        if reason is not None:
            assert got is not None and got[0] == 0xe0 and got[1][0] == reason, (got, hex(reason))
            got = self.packet()
        assert got is None, got
        self.s.close()

    def connack(self):
        first, body = self.packet()
        assert first == 0x20, hex(first)
        self.present, self.code, self.props = body[0], body[1], {}
        if self.v == 5:
            n, p = cut_varint(body[2:])
            assert n == len(p)
            sizes = {0x11: 4, 0x13: 2, 0x21: 2, 0x22: 2, 0x24: 1, 0x25: 1, 0x27: 4, 0x28: 1, 0x29: 1, 0x2a: 1}
            while p:
                code, p = p[0], p[1:]
                if code in sizes:
                    self.props[code], p = int.from_bytes(p[:sizes[code]], 'big'), p[sizes[code]:]
                else:
                    self.props[code], p = cut_text(p)
        else:
            assert len(body) == 2
        return self

    def drop(self):
        """Without a goodbye."""
        self.s.shutdown(socket.SHUT_RDWR)
        self.s.close()

    def leave(self, *a, **k):
        self.send(disconnect(*a, **k) if self.v == 5 else b'\xe0\0')
        self.closed()
