"""The overlays build, and what they build is what Kubernetes takes: no unknown field, no reference into nothing."""

import os

import kubernetes_validate
import pytest
import yaml
from repository import K8S, OVERLAYS, containers, kustomized, named, of_kind, overlay, pods

# The oldest release that infra/README.md names, and the newest that there are schemas of
VERSIONS = ("1.31", "1.37")
# Kinds of others, whose schemas are not Kubernetes' own
FOREIGN = {"ServiceMonitor", "ScaledObject"}


@pytest.mark.parametrize("name", OVERLAYS)
@pytest.mark.parametrize("version", VERSIONS)
def test_each_object_is_valid_without_a_field_that_nobody_knows(name, version):
    checked = [o for o in overlay(name) if o["kind"] not in FOREIGN]
    assert len(checked) > 15
    for o in checked:
        kubernetes_validate.validate(o, version, strict=True)


def test_a_field_that_nobody_knows_would_be_found():
    o = dict(named(overlay("dev"), "Service", "serve"), typo=1)
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(o, VERSIONS[-1], strict=True)


@pytest.mark.parametrize("name", OVERLAYS)
def test_everything_is_in_the_overlays_namespace(name):
    (namespace,) = of_kind(overlay(name), "Namespace")
    for o in overlay(name):
        assert o is namespace or o["metadata"]["namespace"] == namespace["metadata"]["name"], o
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("name", OVERLAYS)
def test_what_pods_refer_to_is_there_but_for_the_secret_of_production(name):
    objects = overlay(name)
    there = {(o["kind"], o["metadata"]["name"]) for o in objects}
    for o, spec, _ in pods(objects):
        if account := spec.get("serviceAccountName"):
            assert ("ServiceAccount", account) in there
        for container in containers(spec):
            for source in container.get("envFrom", []):
                assert ("ConfigMap", source["configMapRef"]["name"]) in there
            for variable in container.get("env", []):
                if not (secret := variable.get("valueFrom", {}).get("secretKeyRef")):
                    continue
                granted = secret["key"] in ("SERVE_ROLE", "WORKER_ROLE")
                assert bool(secret.get("optional")) == granted, "a pod without its servers must not start"
                if name == "production":
                    assert secret["name"] == "campaign-manager"
                else:
                    assert secret["key"] in named(objects, "Secret", secret["name"])["data"]


@pytest.mark.parametrize("name", OVERLAYS)
def test_selectors_select_what_they_are_for(name):
    objects = overlay(name)
    labels = {o["metadata"]["name"]: labels for o, _, labels in pods(objects)}

    def selected(selector):
        return {pod for pod, has in labels.items() if selector.items() <= has.items()}

    for o, _, has in pods(objects):
        if o["kind"] != "Job":
            assert o["spec"]["selector"]["matchLabels"].items() <= has.items()
    for service in of_kind(objects, "Service"):
        expected = {"metrics": {"serve", "worker"}}.get(service["metadata"]["name"], {service["metadata"]["name"]})
        assert selected(service["spec"]["selector"]) == expected
    for budget in of_kind(objects, "PodDisruptionBudget"):
        assert selected(budget["spec"]["selector"]["matchLabels"]) == {budget["metadata"]["name"]}
    for _, spec, has in pods(objects):
        for spread in spec.get("topologySpreadConstraints", []):
            assert spread["labelSelector"]["matchLabels"].items() <= has.items()


def test_every_file_is_part_of_something():
    used = set()
    for file in K8S.rglob("kustomization.yaml"):
        said = yaml.safe_load(file.read_text())
        paths = said.get("resources", []) + said.get("components", [])
        paths += [patch["path"] for patch in said.get("patches", []) if "path" in patch]
        paths += [env for made in said.get("configMapGenerator", []) + said.get("secretGenerator", []) for env in made["envs"]]
        for path in paths:
            assert (file.parent / path).exists(), f"{file}: {path}"
            used.add((file.parent / path).resolve())
    files = {f for f in K8S.rglob("*") if f.is_file() and f.name != "kustomization.yaml"}
    assert files - used == {K8S / "prometheus-adapter/values.yaml"}, "only the values are for another tool"


def test_the_component_of_keda_takes_the_place_of_one_autoscaler(tmp_path):
    with_keda = kustomized_with("keda", tmp_path)
    assert [o["metadata"]["name"] for o in of_kind(with_keda, "HorizontalPodAutoscaler")] == ["serve"]
    assert [o["metadata"]["name"] for o in of_kind(with_keda, "ScaledObject")] == ["worker"]


def kustomized_with(component, folder):
    """The overlay for production with one component more."""
    manifests = os.path.relpath(K8S, folder.resolve())
    (folder / "kustomization.yaml").write_text(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
        f"resources: [{manifests}/overlays/production]\ncomponents: [{manifests}/components/{component}]\n"
    )
    return kustomized(folder)
