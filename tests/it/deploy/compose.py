"""Holds a compose file to the schema of compose files, which docker-compose's wheel carries."""
import glob
import json
import sys
import zipfile
import jsonschema
import yaml

wheel, = glob.glob(sys.argv[1] + "/docker_compose-*.whl")
schema = json.loads(zipfile.ZipFile(wheel).read("compose/config/compose_spec.json"))
with open(sys.argv[2]) as file:
    compose = yaml.safe_load(file)
jsonschema.validate(compose, schema)
names = set(compose["secrets"])
used = {name for service in compose["services"].values() for name in service.get("secrets", [])}
assert names == used, (names, used)
print(", ".join(sorted(compose["services"])))
