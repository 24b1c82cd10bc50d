"""A foreign client (Eclipse Paho's, python3-paho-mqtt) says and hears what MQTT has, in both versions.

i_paho.py PORT tcp|websockets
"""
import sys
import time
import warnings

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions as Options

PORT, TRANSPORT = int(sys.argv[1]), sys.argv[2]
PATIENCE = 30


def properties(packet, **values):
    p = Properties(packet)
    for name, value in values.items():
        setattr(p, name, value)
    return p


class Client:
    def __init__(self, name, version=5, clean=True, keep_alive=60, will=None, **connect):
        self.version, self.heard, self.answers = version, [], {}
        self.connack = self.end = None
        kind = {} if version == 5 else {'clean_session': clean}
        self.c = paho.Client(name, protocol=paho.MQTTv5 if version == 5 else paho.MQTTv311,
                             transport=TRANSPORT, **kind)
        self.c.on_message = lambda c, u, m: self.heard.append(m)
        self.c.on_connect = lambda c, u, flags, code, *p: setattr(self, 'connack', (flags, code, *p))
        self.c.on_subscribe = lambda c, u, mid, codes, *p: self.answers.update({mid: codes})
        self.c.on_unsubscribe = lambda c, u, mid, *p: self.answers.update({mid: p})
        self.c.on_disconnect = lambda c, u, code, *p: setattr(self, 'end', code)
        if will:
            self.c.will_set(*will)
        if version == 5:
            connect['clean_start'] = clean
        self.c.connect('127.0.0.1', PORT, keep_alive, **connect)
        self.c.loop_start()
        self.wait(lambda: self.connack)

    def wait(self, condition):
        end = time.time() + PATIENCE
        while not condition():
            if time.time() > end:
                raise AssertionError(f'nothing came; heard {[(m.topic, m.payload) for m in self.heard]}')
            time.sleep(0.01)

    @property
    def present(self):
        return self.connack[0]['session present']

    def subscribe(self, *what, **how):
        _, mid = self.c.subscribe(*what, **how)
        self.wait(lambda: mid in self.answers)
        return [getattr(code, 'value', code) for code in self.answers[mid]]

    def publish(self, topic, text, qos=0, retain=False, **how):
        self.c.publish(topic, text, qos, retain, **how).wait_for_publish(PATIENCE)

    def hears(self, *expected):
        """Exactly these, in any order: what was asked for after them has come too."""
        self.wait(lambda: len(self.heard) >= len(expected))
        got = sorted((m.topic, m.payload.decode(), m.qos, bool(m.retain)) for m in self.heard)
        assert got == sorted(expected), (got, expected)
        self.heard = []

    def leave(self, **how):
        self.c.disconnect(**how)
        self.c.loop_stop()


def both_versions(version):
    lasting = {'properties': properties(PacketTypes.CONNECT, SessionExpiryInterval=600)} if version == 5 else {}
    refused = 0x87 if version == 5 else 0x80
    c, other = Client('one', version), Client('two', version)
    asked = [('A', 2), ('A/#', 1), ('test/nosubscribe', 2)]
    if version == 5:
        asked = [(f, Options(q)) for f, q in asked]
    assert c.subscribe(asked) == [2, 1, refused]
    for qos in 0, 1, 2:
        other.publish('A', str(qos), qos)
    other.publish('A/B', 'below', 2)
    other.publish('$A/B', 'hidden', 1)
    c.hears(('A', '0', 0, False), ('A', '1', 1, False), ('A', '2', 2, False), ('A/B', 'below', 1, False))
    c.leave()

    c = Client('lasts', version, clean=False, **lasting)
    c.subscribe('A/#', 2)
    c.leave()
    for qos in 0, 1, 2:
        other.publish('A/x', str(qos), qos)
    c = Client('lasts', version, clean=False, **lasting)
    assert c.present
    c.hears(('A/x', '1', 1, False), ('A/x', '2', 2, False))
    c.leave()
    c = Client('lasts', version)
    assert not c.present
    c.leave()

    for qos in 0, 1, 2:
        other.publish(f'kept/{qos}', 'text', qos, True)
    c = Client('', version)
    c.subscribe('+/+', 2)
    c.hears(*((f'kept/{qos}', 'text', qos, True) for qos in (0, 1, 2)))
    for qos in 0, 1, 2:
        other.publish(f'kept/{qos}', '', qos, True)
    c.hears(*((f'kept/{qos}', '', qos, False) for qos in (0, 1, 2)))
    c.leave()

    c = Client('watch', version)
    c.subscribe('gone', 2)
    dying = Client('dying', version, will=('gone', 'text', 2, False))
    dying.c._sock_close()  # without a goodbye
    dying.c.loop_stop()
    c.hears(('gone', 'text', 2, False))
    c.leave()
    other.leave()


def version_5():
    p, c = Client('p'), Client('c')
    assert Client('', keep_alive=120).connack[2].ServerKeepAlive == 60
    c.subscribe('u/#', options=Options(2), properties=properties(PacketTypes.SUBSCRIBE, SubscriptionIdentifier=5))
    c.subscribe('u/+', options=Options(1), properties=properties(PacketTypes.SUBSCRIBE, SubscriptionIdentifier=6))
    sent = {'UserProperty': [('a', '1'), ('b', '2'), ('a', '3')], 'PayloadFormatIndicator': 1, 'ContentType': 'text',
            'ResponseTopic': 'answers', 'CorrelationData': b'\0\1', 'MessageExpiryInterval': 600}
    p.publish('u/1', 'x', 2, properties=properties(PacketTypes.PUBLISH, **sent))
    c.wait(lambda: c.heard)
    got = c.heard[0].properties
    assert sorted(got.SubscriptionIdentifier) == [5, 6] and got.MessageExpiryInterval in (599, 600)
    sent.pop('MessageExpiryInterval')
    assert all(getattr(got, name) == value for name, value in sent.items())
    c.hears(('u/1', 'x', 2, False))

    c.subscribe('own/#', options=Options(1, noLocal=True))
    c.publish('own/1', 'mine', 1)
    p.publish('own/1', 'other', 1)
    c.hears(('own/1', 'other', 1, False))

    p.publish('kept', 'x', 1, True)
    for handling, times in (0, 2), (1, 1), (2, 0):
        k = Client('')
        for _ in range(2):
            k.subscribe('kept', options=Options(1, retainHandling=handling, retainAsPublished=handling == 1))
        p.publish('kept', 'x', 1, True)
        k.hears(*[('kept', 'x', 1, True)] * times, ('kept', 'x', 1, handling == 1))
        k.leave()
    p.publish('kept', '', 1, True)

    members = [Client('m1'), Client('m2')]
    for m in members:
        m.subscribe('$share/group/job', 1)
    for i in range(20):
        p.publish('job', str(i), 1)
    for m in members:
        m.wait(lambda m=m: len(m.heard) == 10)
    assert len({m.payload for x in members for m in x.heard}) == 20
    members[0].leave()
    p.publish('job', 'last', 1)
    members[1].wait(lambda: len(members[1].heard) == 11)

    small = Client('small', properties=properties(PacketTypes.CONNECT, MaximumPacketSize=60, TopicAliasMaximum=5))
    small.subscribe('s', 1)
    p.publish('s', 'x' * 100, 1)
    p.publish('s', 'fits', 1)
    small.hears(('s', 'fits', 1, False))
    _, mid = small.c.unsubscribe(['s', 'never'])
    small.wait(lambda: mid in small.answers)
    assert [r.value for r in small.answers[mid][1]] == [0x00, 0x11]

    lasting = properties(PacketTypes.CONNECT, SessionExpiryInterval=600)
    Client('over', properties=lasting).leave(properties=properties(PacketTypes.DISCONNECT, SessionExpiryInterval=0))
    assert not Client('over', clean=False).present


warnings.simplefilter('ignore')
for v in 4, 5:
    both_versions(v)
version_5()
print('all is as it should be')
