#!/usr/bin/env python3
"""Makes the regions and the things of packs/yancheng from public files.

    tools/make_yancheng.py --counties yancheng-counties.geojson --towns yancheng-towns.csv \
        --stations cn-jiangsu-cnemc-stations.csv --out packs/yancheng

counties  GeoJSON, WGS-84, property `code` (GB/T 2260)
towns     CSV: code,name,areaCode,…           (statistical codes of twelve digits, cut to nine)
stations  CSV: 监测点编码,监测点名称,城市,经度,纬度,对照点,…
Writes regions.csv, regions.geojson and things/*.csv. The demo things come out the same on each run (fixed seed).
What the sources are and what may be done with them stands in the README of the pack.
"""
import argparse
import csv
import json
import math
import os
import random

CITY = '3209'
# Reporting units: the nine counties, and two zones that report like a county but are made of streets.
UNITS = [
    ('320902', '亭湖区', 'Tinghu District', '亭湖', 'Tinghu', 14),
    ('320903', '盐都区', 'Yandu District', '盐都', 'Yandu', 13),
    ('320904', '大丰区', 'Dafeng District', '大丰', 'Dafeng', 9),
    ('320921', '响水县', 'Xiangshui County', '响水', 'Xiangshui', 7),
    ('320922', '滨海县', 'Binhai County', '滨海', 'Binhai', 8),
    ('320923', '阜宁县', 'Funing County', '阜宁', 'Funing', 8),
    ('320924', '射阳县', 'Sheyang County', '射阳', 'Sheyang', 8),
    ('320925', '建湖县', 'Jianhu County', '建湖', 'Jianhu', 8),
    ('320981', '东台市', 'Dongtai City', '东台', 'Dongtai', 10),
    ('320971', '盐城经济技术开发区', 'Yancheng Economic and Technological Development Zone', '经开', 'YETDZ', 7),
    ('YN', '盐南高新区', 'Yannan High-tech Zone', '盐南', 'Yannan', 8),
]
# The streets of the zone without a code: inferred from the pattern of the codes, to be confirmed locally.
YANNAN = {'320902050', '320902051', '320902052', '320903050', '320903051'}
# No polygon of the zones is public. Their marker is the national air station that stands in them.
ZONE_STATION = {'320971': '1218A', 'YN': '3293A'}
ZONE_RADIUS_M = 2200
STATION_EN = {'1215A': 'Yancheng Power Plant', '1216A': 'City Monitoring Station', '1217A': 'Wenfeng Middle School',
              '1218A': 'Development Zone Committee', '3004A': 'Baolong Plaza', '3293A': 'Moon Plaza',
              '3436A': 'Dafeng Senior High School'}

PINYIN = dict(pair.split('=') for pair in '''
五星=Wuxing 文峰=Wenfeng 先锋=Xianfeng 毓龙=Yulong 新洋=Xinyang 大洋=Dayang 伍佑=Wuyou 黄海=Huanghai 新河=Xinhe
南洋=Nanyang 新兴=Xinxing 便仓=Biancang 盐东=Yandong 黄尖=Huangjian 张庄=Zhangzhuang 盐龙=Yanlong 潘黄=Panhuang
盐渎=Yandu 新都=Xindu 科城=Kecheng 大纵湖=Dazonghu 楼王=Louwang 学富=Xuefu 尚庄=Shangzhuang 秦南=Qinnan 龙冈=Longgang
郭猛=Guomeng 大冈=Dagang 丰华=Fenghua 大中=Dazhong 草堰=Caoyan 白驹=Baiju 刘庄=Liuzhuang 西团=Xituan 小海=Xiaohai
大桥=Daqiao 草庙=Caomiao 万盈=Wanying 南阳=Nanyang 新丰=Xinfeng 三龙=Sanlong 方强=Fangqiang 东坝头=Dongbatou
响水=Xiangshui 陈家港=Chenjiagang 小尖=Xiaojian 黄圩=Huangwei 大有=Dayou 双港=Shuanggang 南河=Nanhe 运河=Yunhe
东坎=Dongkan 坎南=Kannan 坎北=Kanbei 五汛=Wuxun 蔡桥=Caiqiao 正红=Zhenghong 通榆=Tongyu 界牌=Jiepai 八巨=Baju
八滩=Batan 滨淮=Binhuai 天场=Tianchang 陈涛=Chentao 滨海港=Binhaigang 阜城=Fucheng 吴滩=Wutan 花园=Huayuan
金沙湖=Jinshahu 沟墩=Goudun 陈良=Chenliang 三灶=Sanzao 郭墅=Guoshu 新沟=Xingou 陈集=Chenji 羊寨=Yangzhai 芦蒲=Lupu
板湖=Banhu 东沟=Donggou 益林=Yilin 古河=Guhe 罗桥=Luoqiao 合德=Hede 临海=Linhai 千秋=Qianqiu 四明=Siming
海河=Haihe 海通=Haitong 兴桥=Xingqiao 新坍=Xintan 长荡=Changdang 盘湾=Panwan 特庸=Teyong 洋马=Yangma
黄沙港=Huangshagang 淮海=Huaihai 近湖=Jinhu 钟庄=Zhongzhuang 塘河=Tanghe 建阳=Jianyang 九龙口=Jiulongkou 恒济=Hengji
颜单=Yandan 沿河=Yanhe 芦沟=Lugou 庆丰=Qingfeng 上冈=Shanggang 冈西=Gangxi 宝塔=Baota 高作=Gaozuo 新城=Xincheng
步凤=Bufeng 溱东=Qindong 时堰=Shiyan 五烈=Wulie 梁垛=Liangduo 安丰=Anfeng 南沈灶=Nanshenzao 富安=Fu'an
唐洋=Tangyang 新街=Xinjie 许河=Xuhe 三仓=Sancang 头灶=Touzao 弶港=Jianggang 东台=Dongtai
'''.split())
SUFFIX = [('街道', 'Subdistrict'), ('镇', 'Town'), ('农场', 'Farm')]
# Parks, farms and salt works whose names are no plain "stem + kind".
NAMED = {
    '320902400': 'Tinghu New Area', '320902402': 'Environmental Protection Industry Park',
    '320903403': 'Dazonghu Tourist Resort', '320903404': 'Taiwan Farmers Pioneer Park',
    '320904403': 'Dafeng Economic Development Zone', '320904404': 'Dafeng Port Economic Development Zone',
    '320904405': 'Dafeng Changzhou High-tech Zone', '320921400': 'Xiangshui County Development Zone',
    '320921401': 'Huanghai Provincial Farm', '320921402': 'Guandong Provincial Saltworks',
    '320922401': 'Xintan Saltworks', '320922403': 'Coastal Industrial Park of the Development Zone',
    '320922404': 'Binhai Port Economic Zone', '320922405': 'Binhai Modern Agriculture Park',
    '320924400': 'Sheyang County Economic Development Zone', '320924404': 'Sheyang Saltworks',
    '320924406': 'Sheyang Port Economic Zone', '320981400': 'Jiangsu Xincao Farm',
    '320981401': 'Jiangsu Jianggang Farm', '320981409': 'Dongtai Development Zone',
    '320981410': 'Dongtai Coastal Economic Zone', '320981411': 'Dongtai High-tech Zone',
    '320981412': 'Xixi Scenic Area', '320981413': 'Huanghai Forest Park',
}

# kind, code, name, name_en, how many, department of the branch that looks after it
DEMO = [
    ('gas-sensor', 'GAS', '燃气监测点', 'gas monitor', 160, 'zhujian'),
    ('water-level', 'WL', '水位监测站', 'water level station', 80, 'shuiwu'),
    ('manhole-cover', 'MC', '智能井盖', 'manhole cover', 120, 'zhujian'),
    ('street-light', 'LT', '路灯', 'street light', 83, 'chengguan'),
    ('pump-station', 'PS', '排涝泵站', 'pumping station', 50, 'shuiwu'),
]
FIELDS = {
    'gas-sensor': ['place_type', 'installed'],
    'water-level': ['site_type', 'warning_level', 'danger_level'],
    'manhole-cover': ['use', 'diameter'],
    'street-light': ['lamp', 'rated_power'],
    'pump-station': ['pumps', 'capacity'],
}


def attributes(kind, r):
    day = '2025-%02d-%02d' % (r.randint(1, 12), r.randint(1, 28))
    if kind == 'gas-sensor':
        return [r.choice(['valve-well', 'regulator', 'adjacent-space', 'kitchen']), day]
    if kind == 'water-level':
        return [r.choice(['underpass', 'river', 'lowland']), '2.8', '3.2']
    if kind == 'manhole-cover':
        return [r.choice(['rain', 'sewage', 'water', 'gas', 'power', 'telecom']), r.choice(['600', '700', '800'])]
    if kind == 'street-light':
        return [r.choice(['led', 'sodium']), r.choice(['60', '90', '120', '150'])]
    return [str(r.randint(2, 5)), str(r.choice([1800, 3600, 5400, 7200]))]


# ---- geometry, in degrees: the areas are small ----

def polygons(geometry):
    return geometry['coordinates'] if geometry['type'] == 'MultiPolygon' else [geometry['coordinates']]


def in_ring(ring, x, y):
    inside = False
    for (x1, y1), (x2, y2) in zip(ring, ring[1:] + ring[:1]):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            inside = not inside
    return inside


def contains(geometry, x, y):
    """Even-odd over all rings, so that holes need no flag."""
    return sum(in_ring(ring, x, y) for polygon in polygons(geometry) for ring in polygon) % 2 == 1


def ring_area(ring):
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in zip(ring, ring[1:] + ring[:1]))) / 2


def edge_distance(ring, x, y, squeeze):
    best = math.inf
    for (x1, y1), (x2, y2) in zip(ring, ring[1:] + ring[:1]):
        dx, dy, px, py = (x2 - x1) * squeeze, y2 - y1, (x - x1) * squeeze, y - y1
        n = dx * dx + dy * dy
        t = 0 if n == 0 else max(0, min(1, (px * dx + py * dy) / n))
        best = min(best, math.hypot(px - t * dx, py - t * dy))
    return best


def box_of(geometry):
    points = [p for polygon in polygons(geometry) for p in polygon[0]]
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    return min(xs), min(ys), max(xs), max(ys)


def label_point(geometry):
    """The point of a 40 by 40 grid that lies farthest inside the largest polygon."""
    outer = max((polygon[0] for polygon in polygons(geometry)), key=ring_area)
    w, s, e, n = box_of({'type': 'Polygon', 'coordinates': [outer]})
    squeeze = math.cos(math.radians((s + n) / 2))
    best = (-1.0, 0.0, 0.0)
    for i in range(1, 40):
        for k in range(1, 40):
            x, y = w + (e - w) * i / 40, s + (n - s) * k / 40
            if in_ring(outer, x, y):
                best = max(best, (edge_distance(outer, x, y, squeeze), x, y))
    return round(best[1], 4), round(best[2], 4)


def somewhere(r, geometry):
    w, s, e, n = box_of(geometry)
    while True:
        x, y = round(r.uniform(w, e), 5), round(r.uniform(s, n), 5)
        if contains(geometry, x, y):
            return x, y


def near(r, x, y, radius_m):
    d, angle = radius_m * math.sqrt(r.random()), r.uniform(0, 2 * math.pi)
    return (round(x + d * math.cos(angle) / (111320 * math.cos(math.radians(y))), 5),
            round(y + d * math.sin(angle) / 111320, 5))


def shares(total):
    """Splits `total` over the units by weight, the largest remainders first."""
    weight = sum(u[5] for u in UNITS)
    part = [total * u[5] / weight for u in UNITS]
    out = [int(p) for p in part]
    for i in sorted(range(len(part)), key=lambda i: out[i] - part[i])[:total - sum(out)]:
        out[i] += 1
    return out


def english(code, name):
    if code in NAMED:
        return NAMED[code]
    for end, word in SUFFIX:
        if name.endswith(end):
            return '%s %s' % (PINYIN[name[:-len(end)]], word)
    raise SystemExit('no English name is known for %s %s' % (code, name))


def write(out, path, head, rows):
    path = os.path.join(out, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8', newline='') as f:
        w = csv.writer(f, lineterminator='\n')
        w.writerow(head)
        w.writerows(rows)


def main():
    p = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    for name in ('counties', 'towns', 'stations', 'out'):
        p.add_argument('--' + name, required=True)
    o = p.parse_args()

    with open(o.counties, encoding='utf-8') as f:
        counties = json.load(f)
    area = {x['properties']['code']: x['geometry'] for x in counties['features']}
    with open(o.towns, encoding='utf-8', newline='') as f:
        towns = list(csv.DictReader(f))
    with open(o.stations, encoding='utf-8', newline='') as f:
        stations = [s for s in csv.DictReader(f) if s['城市'] == '盐城']
    at = {s['监测点编码']: (float(s['经度']), float(s['纬度'])) for s in stations}

    rows = [[CITY, '', 2, '盐城市', 'Yancheng', '', '', '']]
    for code, name, name_en, *_ in UNITS:
        lon, lat = label_point(area[code]) if code in area else at[ZONE_STATION[code]]
        rows.append([code, CITY, 3, name, name_en, lon, lat, 1])
    for t in towns:
        parent = 'YN' if t['code'] in YANNAN else t['areaCode']
        rows.append([t['code'], parent, 4, t['name'], english(t['code'], t['name']), '', '', ''])
    write(o.out, 'regions.csv', ['code', 'parent', 'level', 'name', 'name_en', 'lon', 'lat', 'unit'], rows)

    with open(os.path.join(o.out, 'regions.geojson'), 'w', encoding='utf-8') as f:
        f.write('{"type":"FeatureCollection","name":%s,"source":%s,"features":[\n' %
                (json.dumps(counties['name']), json.dumps(counties['source'], ensure_ascii=False)))
        f.write(',\n'.join(json.dumps(x, ensure_ascii=False, separators=(',', ':')) for x in counties['features']))
        f.write('\n]}\n')

    r = random.Random(3209)
    own = ['code', 'name', 'name_en', 'org', 'region', 'lon', 'lat', 'demo']
    for kind, short, name, name_en, count, org in DEMO:
        rows, number = [], 0
        for unit, n in zip(UNITS, shares(count)):
            for i in range(1, n + 1):
                number += 1
                lon, lat = (somewhere(r, area[unit[0]]) if unit[0] in area else
                            near(r, *at[ZONE_STATION[unit[0]]], ZONE_RADIUS_M))
                rows.append(['YC-%s-%04d' % (short, number), '演示 %s %s %03d' % (name, unit[3], i),
                             'Demo %s %s %03d' % (name_en, unit[4], i), '%s-%s' % (org, unit[0]), unit[0],
                             lon, lat, 1] + attributes(kind, r))
        write(o.out, 'things/%s.csv' % kind, own + FIELDS[kind], rows)

    rows = []
    for s in stations:
        code, (lon, lat) = s['监测点编码'], at[s['监测点编码']]
        region = next((z for z, station in ZONE_STATION.items() if station == code), None)
        region = region or next(c for c, g in area.items() if contains(g, lon, lat))
        rows.append(['YC-AIR-' + code, s['监测点名称'], STATION_EN[code], 'shengtai-' + region, region, lon, lat, '', code,
                     1 if s['对照点'] == 'Y' else 0])
    write(o.out, 'things/air-station.csv', own + ['station', 'control'], rows)


if __name__ == '__main__':
    main()
