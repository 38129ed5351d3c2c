"""Has Helm render the chart, and looks at the objects that come out.

    chart.py render FOLDER      renders every variant into FOLDER, and says who did
    chart.py kubernetes FOLDER  asks Kubernetes' schemas, of the oldest and the newest release that are there
    chart.py keda FOLDER        asks KEDA's types about the objects that only KEDA knows
    chart.py names FOLDER       looks whether what objects call each other exists
    chart.py query FOLDER       prints the query by which KEDA scales workers
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

CHART = Path(__file__).parent.parent / "helm" / "blindsight"
# A valid name of a release, which YAML takes for truth where it is not quoted.
RELEASE = "on"

# By what is said with --set. Between them, every branch of the templates and every value is used.
VARIANTS = {
    "defaults": "",
    "autoscaling": "autoscaling.enabled=true",
    "scaled-to-nothing": "autoscaling.enabled=true,autoscaling.minReplicas=0,autoscaling.maxReplicas=5,"
    "autoscaling.queueAgeSeconds=30,autoscaling.secret=scaler,autoscaling.connectionKey=address",
    "open": "tokens.secret=",
    "rights-of-the-pod": "blobs.secret=,serviceAccount=bucket-user",
    "traces": "traces.address=http://collector:4318",
    "proxies": "hosts={a.example,b.example},trustedProxies={10.0.0.1,fd00::1}",
    "one-host": "hosts=a.example",
    "image": "image.repository=registry.example:5000/blindsight,image.tag=1.0,image.pullPolicy=Always",
    "places": "state.secret=rows,state.addressKey=url,state.passwordKey=word,blobs.secret=bytes,"
    "blobs.address=s3://other/place,leaseSeconds=20",
    # The same of secrets and keys.
    "odd-names": "state.secret=1,state.addressKey=on,state.passwordKey=2.5,blobs.secret=0x1,tokens.secret=12,"
    "autoscaling.enabled=true,autoscaling.secret=1e3,autoscaling.connectionKey=off",
    "sizes": "front.replicas=5,worker.replicas=0,worker.jobsAtOnce=2,worker.finishSeconds=0,"
    "worker.keyCacheBytes=64000000000,front.resources.limits.cpu=2",
    "no-bounds": "front.resources=null,worker.resources=null",
    "nodes": "worker.nodeSelector.pool=large,worker.nodeSelector.kubernetes\\.io/arch=amd64",
    "all": "autoscaling.enabled=true,tokens.secret=,traces.address=http://collector:4318,trustedProxies={10.0.0.1},"
    "worker.nodeSelector.pool=large",
}


def main(command, folder):
    if command == "render":
        render(Path(folder))
        return 0
    if command == "query":
        scaled = next(thing for _, thing in objects(folder) if thing["kind"] == "ScaledObject")
        print(scaled["spec"]["triggers"][0]["metadata"]["query"])
        return 0
    problems = {"kubernetes": kubernetes, "keda": keda, "names": names}[command](folder)
    print("\n".join(problems))
    return bool(problems)


def render(folder):
    """With the command where it is installed, else with the library that it is made of."""
    if shutil.which("helm"):
        for name, values in VARIANTS.items():
            settings = [RELEASE, CHART, "--set", values] if values else [RELEASE, CHART]
            helm("lint", "--strict", *settings[1:])
            (folder / f"{name}.yaml").write_text(helm("template", *settings))
        print("helm " + helm("version", "--short").strip())
        return
    import helm_python

    with helm_python.Chart.load(CHART) as chart:
        for name, text in VARIANTS.items():
            values = helm_python.parse_set_string(text)
            report = helm_python.lint(CHART, values, strict=True)
            if report["errors"]:
                sys.exit("\n".join([f"{name}: --set {text!r}", *report["errors"]]))
            files = chart.render(values, name=RELEASE, namespace="default")
            files = [f"---\n# {file}\n{text}" for file, text in files.items() if file.endswith(".yaml")]
            (folder / f"{name}.yaml").write_text("\n".join(files))
    print(f"Helm's library {helm_python.helm_sdk_version()}, not the command helm")


def helm(*arguments):
    done = subprocess.run(["helm", *arguments], capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else sys.exit(done.stdout + done.stderr)


def objects(folder):
    """Every object of every variant, with the variant's name."""
    import yaml

    for file in sorted(Path(folder).glob("*.yaml")):
        for thing in yaml.safe_load_all(file.read_text()):
            if thing:
                yield file.stem, thing


def different(folder):
    """Objects that differ from all before them."""
    seen = set()
    for variant, thing in objects(folder):
        text = json.dumps(thing, sort_keys=True)
        if text not in seen:
            seen.add(text)
            yield f"{variant}: {thing['kind']} {thing['metadata']['name']}", thing


def of_keda(thing):
    return thing["apiVersion"].startswith("keda.sh/")


def kubernetes(folder):
    from kubernetes_validate import SchemaNotFoundError, ValidationError, validate
    from kubernetes_validate.utils import all_versions

    problems = []
    for where, thing in different(folder):
        for version in [] if of_keda(thing) else [all_versions()[0], all_versions()[-1]]:
            try:
                validate(thing, version, strict=True)
            except ValidationError as error:
                path = ".".join(map(str, error.absolute_path))
                problems.append(f"{where}, Kubernetes {version}: {path}: {error.message}")
            except SchemaNotFoundError as error:
                problems.append(f"{where}: {error.message}")
    return problems


def keda(folder):
    from cloudcoil.models.keda import v1alpha1
    from pydantic import ValidationError

    problems = []
    for where, thing in different(folder):
        if not of_keda(thing):
            continue
        try:
            known = getattr(v1alpha1, thing["kind"]).model_validate_json(json.dumps(thing), strict=True)
        except (AttributeError, ValidationError) as error:
            problems.append(f"{where}: {error}")
            continue
        # The types let fields pass that they do not know, and forget them.
        if json.loads(known.model_dump_json(by_alias=True, exclude_unset=True)) != thing:
            problems.append(f"{where}: fields that KEDA does not know: {json.dumps(thing['spec'])}")
    return problems


def names(folder):
    """What no schema says: objects of one variant must find each other, and names within pods too."""
    problems = []
    for variant in VARIANTS:
        things = [thing for name, thing in objects(folder) if name == variant]
        named = {(thing["kind"], thing["metadata"]["name"]) for thing in things}
        if len(named) != len(things):
            problems.append(f"{variant}: two objects of one name")
        deployments = [thing["spec"] for thing in things if thing["kind"] == "Deployment"]

        def demand(thing, right, what):
            if not right:
                problems.append(f"{variant}: {thing['kind']} {thing['metadata']['name']}: {what}")

        def finds(selector):
            pods = [deployment["template"]["metadata"]["labels"] for deployment in deployments]
            return sum(selector.items() <= labels.items() for labels in pods) == 1

        for thing in things:
            spec = thing.get("spec", {})
            match thing["kind"]:
                case "Deployment":
                    demand(thing, finds(spec["selector"]["matchLabels"]), "selects other pods than its own")
                    pod = spec["template"]["spec"]
                    for container in pod["containers"]:
                        variables = [variable["name"] for variable in container["env"]]
                        demand(thing, len(set(variables)) == len(variables), "a variable twice")
                        mounted = {mount["name"] for mount in container["volumeMounts"]}
                        volumes = {volume["name"] for volume in pod["volumes"]}
                        demand(thing, mounted == volumes, "mounts other volumes than there are")
                        ports = {port["name"] for port in container["ports"]}
                        probes = {value["httpGet"]["port"] for key, value in container.items() if "Probe" in key}
                        demand(thing, probes <= ports, "a probe of another port")
                case "Service":
                    demand(thing, finds(spec["selector"]), "no pods")
                case "PodDisruptionBudget":
                    demand(thing, finds(spec["selector"]["matchLabels"]), "no pods")
                case "NetworkPolicy":
                    demand(thing, finds(spec["podSelector"]["matchLabels"]), "no pods")
                case "ScaledObject":
                    demand(thing, ("Deployment", spec["scaleTargetRef"]["name"]) in named, "scales nothing")
                    for trigger in spec["triggers"]:
                        key = ("TriggerAuthentication", trigger["authenticationRef"]["name"])
                        demand(thing, key in named, "nobody authenticates it")
    return problems


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
