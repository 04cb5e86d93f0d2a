"""Renders the chart under several sets of values with Helm's own code, and reads what comes out as YAML."""
import sys
import helm_python
import yaml

CASES = {
    "as it comes": {},
    "a vendor on PostgreSQL": {
        "server": {"replicas": 3, "hosts": ["license.example.com"]},
        "database": {"kind": "postgres"},
        "secret": "mintage",
        "tls": {"secret": "mintage-tls"},
    },
    "the values of the field": {
        "createNamespace": True,
        "service": {"type": "ClusterIP"},
        "license": {
            "key": "secret",
            "file": {"data": {"license.pem": "----- ...\nMIRRORD-LICENSE\n... -----\n"}},
            "publicKey": "jwQm",
            "tenant": "acme",
        },
    },
    "a secret of the cluster": {"license": {"keyRef": "my-cluster-secret"}, "sa": {"gcpSa": "a@b.iam.gserviceaccount.com"}},
    "two servers on one file": {"server": {"replicas": 2}},
    "two keys": {"license": {"key": "secret", "keyRef": "my-cluster-secret"}},
}

chart = helm_python.Chart.load(sys.argv[1])
for name, values in CASES.items():
    try:
        rendered = chart.render(values=values, name="mintage")
    except helm_python.HelmError as error:
        print(f"{name}: refused: {'replicas' if 'replicas' in str(error) else 'key' if 'keyRef' in str(error) else error}")
        continue
    texts = rendered.values()
    documents = [d for text in texts for d in yaml.safe_load_all(text) if d]
    print(f"{name}: {', '.join(sorted(d['kind'] for d in documents))}")
    for d in documents:
        if d["kind"] == "Deployment":
            container = d["spec"]["template"]["spec"]["containers"][0]
            env = [entry["name"] for entry in container["env"]]
            mounts = {mount["name"] for mount in container["volumeMounts"]}
            volumes = {volume["name"] for volume in d["spec"]["template"]["spec"]["volumes"]}
            assert len(env) == len(set(env)), env
            assert mounts == volumes, (mounts, volumes)
            assert d["spec"]["selector"]["matchLabels"].items() <= d["spec"]["template"]["metadata"]["labels"].items()
            print(f"  {d['spec']['replicas']} of {container['image']}: {' '.join(env)}")
