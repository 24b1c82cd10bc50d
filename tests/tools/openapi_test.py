"""docs/openapi.json, which is what the program tells, is an OpenAPI 3.1 document.

The rules are those of the specification (spec.openapis.org/oas/v3.1.0) for the objects that we write, and of JSON
Schema 2020-12 for the words that we use; a word that is not known here is told, so that nothing goes unlooked at.
"""
import json
import re
import unittest
from pathlib import Path

DOC = Path(__file__).resolve().parent.parent.parent / 'docs/openapi.json'

METHODS = {'get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'}
# object -> (fields that must be there, fields that may be)
FIELDS = {
    'document': ('openapi info paths', 'components servers security tags jsonSchemaDialect webhooks externalDocs'),
    'info': ('title version', 'summary description termsOfService contact license'),
    'operation': ('responses', 'operationId summary description tags parameters requestBody security deprecated'),
    'parameter': ('name in schema', 'required description deprecated allowEmptyValue style explode'),
    'requestBody': ('content', 'required description'),
    'response': ('description', 'content headers links'),
    'mediaType': ('', 'schema example examples encoding'),
    'components': ('', 'schemas securitySchemes parameters responses requestBodies headers examples links'),
}
SCHEMA_WORDS = {'$ref', 'type', 'description', 'properties', 'required', 'items', 'allOf', 'anyOf', 'format', 'pattern',
                'maxLength', 'enum', 'additionalProperties'}
TYPES = {'string', 'integer', 'number', 'boolean', 'object', 'array', 'null'}
MIME = re.compile(r'^[a-z]+/[a-z0-9.+-]+$')


def findings(doc):
    """What is wrong, as (place, words)."""
    out = []
    schemas = doc.get('components', {}).get('schemas', {})
    used, ids = set(), {}

    def object_of(kind, x, at):
        if not isinstance(x, dict):
            out.append((at, f'a {kind} is an object'))
            return False
        must, may = (set(words.split()) for words in FIELDS[kind])
        for name in must - x.keys():
            out.append((at, f'{name} is missing'))
        for name in x.keys() - must - may:
            if not name.startswith('x-'):
                out.append((at, f'a {kind} has no {name}'))
        return True

    def schema(x, at):
        if not isinstance(x, dict):
            out.append((at, 'a schema is an object'))
            return
        for word in x.keys() - SCHEMA_WORDS:
            out.append((at, f'unknown word {word}'))
        if '$ref' in x:
            name = x['$ref'].removeprefix('#/components/schemas/')
            used.add(name)
            if name not in schemas:
                out.append((at, f'{x["$ref"]} is not there'))
        types = x.get('type', [])
        types = types if isinstance(types, list) else [types]
        if not set(types) <= TYPES or len(set(types)) != len(types) or ('type' in x and not types):
            out.append((at, f'type {x["type"]}'))
        if 'pattern' in x:
            re.compile(x['pattern'])
        if 'maxLength' in x and not (isinstance(x['maxLength'], int) and x['maxLength'] >= 0):
            out.append((at, 'maxLength'))
        if 'items' in x:
            schema(x['items'], f'{at}/items')
        elif 'array' in types:
            out.append((at, 'an array of what?'))
        if 'enum' in x and (not x['enum'] or len(set(x['enum'])) != len(x['enum'])):
            out.append((at, 'enum'))
        if isinstance(x.get('additionalProperties', True), dict):
            schema(x['additionalProperties'], f'{at}/*')
        for word in ('allOf', 'anyOf'):
            if word in x and not x[word]:
                out.append((at, f'{word} is empty'))
            for i, part in enumerate(x.get(word, [])):
                schema(part, f'{at}/{word}/{i}')
        for name, part in x.get('properties', {}).items():
            schema(part, f'{at}/{name}')
        required = x.get('required', [])
        if len(set(required)) != len(required):
            out.append((at, 'required twice'))
        for name in required:
            if name not in x.get('properties', {}):
                out.append((at, f'{name} is required, and not described'))

    def content(x, at):
        if not isinstance(x, dict) or not x:
            out.append((at, 'content is a map of media types'))
            return
        for mime, media in x.items():
            if not MIME.match(mime):
                out.append((at, f'media type {mime}'))
            if object_of('mediaType', media, f'{at}/{mime}') and 'schema' in media:
                schema(media['schema'], f'{at}/{mime}')

    def operation(op, path, method):
        at = f'{method} {path}'
        if not object_of('operation', op, at):
            return
        if op.get('operationId') in ids:
            out.append((at, f'operationId is that of {ids[op["operationId"]]} too'))
        ids[op.get('operationId')] = at
        seen = set()
        for p in op.get('parameters', []):
            if not object_of('parameter', p, f'{at} parameter'):
                continue
            here = f'{at} {p.get("name")}'
            if (p['name'], p['in']) in seen:
                out.append((here, 'twice'))
            seen.add((p['name'], p['in']))
            if p['in'] not in ('query', 'header', 'path', 'cookie'):
                out.append((here, f'in {p["in"]}'))
            if p['in'] == 'path' and p.get('required') is not True:
                out.append((here, 'is in the path and must be required'))
            if p['in'] == 'header' and p['name'].lower() in ('accept', 'content-type', 'authorization'):
                out.append((here, 'is told by other means'))
            schema(p['schema'], here)
        if {n for n, where in seen if where == 'path'} != set(re.findall(r'{(\w+)}', path)):
            out.append((at, 'the path and its parameters differ'))
        if 'requestBody' in op:
            if method in ('get', 'head', 'delete'):
                out.append((at, 'a body has no meaning here'))
            if object_of('requestBody', op['requestBody'], f'{at} body'):
                content(op['requestBody'].get('content'), f'{at} body')
        if not op.get('responses'):
            out.append((at, 'at least one response'))
        for status, response in op.get('responses', {}).items():
            here = f'{at} {status}'
            if not re.match(r'^([1-5](\d\d|XX)|default)$', status):
                out.append((here, 'no status'))
            if object_of('response', response, here) and 'content' in response:
                if status in ('204', '304'):
                    out.append((here, 'has no body'))
                content(response['content'], here)

    if not object_of('document', doc, 'document'):
        return out
    if not re.match(r'^3\.1\.\d+$', doc.get('openapi', '')):
        out.append(('openapi', 'is not 3.1'))
    object_of('info', doc.get('info'), 'info')
    object_of('components', doc.get('components', {}), 'components')
    shapes = {}
    for path, item in doc.get('paths', {}).items():
        shape = re.sub(r'{\w+}', '{}', path)
        if not path.startswith('/'):
            out.append((path, 'begins with no /'))
        if shape in shapes:
            out.append((path, f'is the same as {shapes[shape]}'))
        shapes[shape] = path
        for method in item.keys() - METHODS:
            out.append((path, f'no method {method}'))
        for method in item.keys() & METHODS:
            operation(item[method], path, method)
    for name, s in schemas.items():
        if not re.match(r'^[A-Za-z0-9._-]+$', name):
            out.append((name, 'no name of a component'))
        schema(s, name)
    for name in schemas.keys() - used:
        out.append((name, 'is described, and used nowhere'))
    for name, s in doc.get('components', {}).get('securitySchemes', {}).items():
        must = {'apiKey': {'name', 'in'}, 'http': {'scheme'}}.get(s.get('type'))
        if must is None or not must <= s.keys():
            out.append((name, 'no security scheme'))
    for need in [doc.get('security', [])] + [op.get('security', []) for item in doc.get('paths', {}).values()
                                            for op in item.values() if isinstance(op, dict)]:
        for name in {n for one in need for n in one}:
            if name not in doc['components'].get('securitySchemes', {}):
                out.append((name, 'is no security scheme of components'))
    return out


class OpenApi(unittest.TestCase):
    def setUp(self):
        self.doc = json.loads(DOC.read_text(encoding='utf-8'))

    def test_the_document_is_well_formed(self):
        self.assertEqual(findings(self.doc), [])

    def test_every_operation_says_who_may(self):
        for path, item in self.doc['paths'].items():
            for method, op in item.items():
                self.assertTrue(op.get('x-roles'), f'{method} {path}')
                self.assertIn('security', op, f'{method} {path}')
                self.assertEqual(op['security'] == [], 'anybody' in op['x-roles'], f'{method} {path}')

    def told(self, change):
        change(self.doc)
        return ' '.join(f'{at}: {words}' for at, words in findings(self.doc))

    def test_what_is_wrong_is_found(self):
        def drop_parameters(d): d['paths']['/api/v1/cases/{id}']['get']['parameters'] = []
        def lose_schema(d): del d['components']['schemas']['Case']
        def odd_type(d): d['components']['schemas']['Case']['properties']['id']['type'] = 'text'
        def same_id(d): d['paths']['/healthz']['get']['operationId'] = 'metrics_get'
        def odd_word(d): d['components']['schemas']['Case']['nullable'] = True
        def body_of_204(d): d['paths']['/healthz']['get']['responses']['204'] = {'description': '', 'content': {'text/plain': {}}}
        def old(d): d['openapi'] = '3.0.3'
        def no_responses(d): del d['paths']['/healthz']['get']['responses']

        for change, words in ((drop_parameters, 'the path and its parameters differ'), (lose_schema, 'is not there'),
                              (odd_type, 'type text'), (same_id, 'operationId is that of'), (odd_word, 'unknown word nullable'),
                              (body_of_204, 'has no body'), (old, 'is not 3.1'), (no_responses, 'responses is missing')):
            self.setUp()
            self.assertIn(words, self.told(change))


if __name__ == '__main__':
    unittest.main()
