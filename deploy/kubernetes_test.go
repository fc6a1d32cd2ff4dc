package deploy_test

import (
	"bytes"
	"errors"
	"io"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/guardduty-coverage-exporter/guardduty_coverage_exporter/internal/config"
)

const roleAnnotation = "eks.amazonaws.com/role-arn"

type metadata struct {
	Name        string            `yaml:"name"`
	Namespace   string            `yaml:"namespace"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

type manifests struct {
	Namespace      struct{ Metadata metadata }
	ServiceAccount struct {
		Metadata  metadata
		Automount *bool `yaml:"automountServiceAccountToken"`
	}
	Secret struct {
		Metadata   metadata
		StringData map[string]string `yaml:"stringData"`
	}
	ConfigMap struct {
		Metadata metadata
		Data     map[string]string
	}
	Deployment struct {
		Metadata metadata
		Spec     struct {
			Replicas int
			Selector struct {
				MatchLabels map[string]string `yaml:"matchLabels"`
			}
			Template struct {
				Metadata metadata
				Spec     podSpec
			}
		}
	}
	Service struct {
		Metadata metadata
		Spec     struct {
			Selector map[string]string
			Ports    []struct {
				Name       string
				Port       int
				TargetPort string `yaml:"targetPort"`
			}
		}
	}
}

type podSpec struct {
	ServiceAccountName string         `yaml:"serviceAccountName"`
	Automount          *bool          `yaml:"automountServiceAccountToken"`
	SecurityContext    map[string]any `yaml:"securityContext"`
	Containers         []container
	Volumes            []struct {
		Name      string
		ConfigMap struct{ Name string } `yaml:"configMap"`
		Secret    struct {
			SecretName string `yaml:"secretName"`
		}
	}
}

type container struct {
	Image string
	Args  []string
	Ports []struct {
		Name          string
		ContainerPort int `yaml:"containerPort"`
	}
	SecurityContext map[string]any `yaml:"securityContext"`
	LivenessProbe   probe          `yaml:"livenessProbe"`
	ReadinessProbe  probe          `yaml:"readinessProbe"`
	Resources       struct{ Requests, Limits map[string]string }
	VolumeMounts    []struct {
		Name      string
		MountPath string `yaml:"mountPath"`
		ReadOnly  bool   `yaml:"readOnly"`
	} `yaml:"volumeMounts"`
}

type probe struct {
	HTTPGet struct{ Path, Port string } `yaml:"httpGet"`
}

// readManifests decodes kubernetes/exporter.yaml, which contains one manifest of each kind.
func readManifests(t *testing.T) manifests {
	t.Helper()
	var m manifests
	kinds := map[string]any{
		"v1 Namespace": &m.Namespace, "v1 ServiceAccount": &m.ServiceAccount, "v1 ConfigMap": &m.ConfigMap, "v1 Secret": &m.Secret,
		"apps/v1 Deployment": &m.Deployment, "v1 Service": &m.Service,
	}
	decoder := yaml.NewDecoder(bytes.NewReader(read(t, "kubernetes/exporter.yaml")))
	for {
		var node yaml.Node
		err := decoder.Decode(&node)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		var head struct {
			APIVersion string `yaml:"apiVersion"`
			Kind       string
		}
		if err := node.Decode(&head); err != nil {
			t.Fatal(err)
		}
		kind := head.APIVersion + " " + head.Kind
		if kinds[kind] == nil {
			t.Fatalf("line %d: %s is unknown or duplicate", node.Line, kind)
		}
		if err := node.Decode(kinds[kind]); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		delete(kinds, kind)
	}
	if len(kinds) != 0 {
		t.Fatalf("exporter.yaml lacks %v", kinds)
	}
	return m
}

func TestManifestsBelongTogether(t *testing.T) {
	m := readManifests(t)
	for _, part := range []metadata{m.ServiceAccount.Metadata, m.Secret.Metadata, m.ConfigMap.Metadata, m.Deployment.Metadata, m.Service.Metadata} {
		if part.Namespace != m.Namespace.Metadata.Name {
			t.Errorf("%s is in the namespace %q, want %q", part.Name, part.Namespace, m.Namespace.Metadata.Name)
		}
	}
	pod := m.Deployment.Spec.Template
	if pod.Spec.ServiceAccountName != m.ServiceAccount.Metadata.Name || pod.Spec.Volumes[0].ConfigMap.Name != m.ConfigMap.Metadata.Name {
		t.Error("the pod does not use the service account and the configuration of the file")
	}
	for name, selector := range map[string]map[string]string{
		"Deployment": m.Deployment.Spec.Selector.MatchLabels, "Service": m.Service.Spec.Selector,
	} {
		if diff := cmp.Diff(pod.Metadata.Labels, selector); diff != "" || len(selector) == 0 {
			t.Errorf("%s selects other pods:\n%s", name, diff)
		}
	}

	exporter := pod.Spec.Containers[0]
	mount := exporter.VolumeMounts[0]
	if flag := "--config.file=" + mount.MountPath + "/config.yaml"; exporter.Args[0] != flag || !mount.ReadOnly {
		t.Errorf("the configuration is mounted as %+v, but the argument is %s", mount, exporter.Args[0])
	}
	service, port := m.Service.Spec.Ports[0], exporter.Ports[0]
	if service.Port != port.ContainerPort || service.TargetPort != port.Name {
		t.Errorf("the service's port is %+v, the container's %+v", service, port)
	}
	dockerfile := string(read(t, "../Dockerfile"))
	if !strings.Contains(dockerfile, "\nEXPOSE 10871\n") || port.ContainerPort != 10871 || exporter.Args[1] != "--web.listen-address=:10871" {
		t.Errorf("the port is %d, the flag %s; the image exposes another", port.ContainerPort, exporter.Args[1])
	}
}

func TestPodIsRestricted(t *testing.T) {
	m := readManifests(t)
	pod := m.Deployment.Spec.Template.Spec
	if !strings.Contains(string(read(t, "../Dockerfile")), "\nUSER 65532:65532\n") {
		t.Error("the image and the pod have different users")
	}
	want := map[string]any{
		"runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532,
		"seccompProfile": map[string]any{"type": "RuntimeDefault"},
	}
	if diff := cmp.Diff(want, pod.SecurityContext); diff != "" {
		t.Errorf("the pod's security context:\n%s", diff)
	}
	want = map[string]any{
		"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
		"capabilities": map[string]any{"drop": []any{"ALL"}},
	}
	if diff := cmp.Diff(want, pod.Containers[0].SecurityContext); diff != "" {
		t.Errorf("the container's security context:\n%s", diff)
	}
	for name, automount := range map[string]*bool{"pod": pod.Automount, "service account": m.ServiceAccount.Automount} {
		if automount == nil || *automount {
			t.Errorf("the token of the Kubernetes API is mounted by the %s", name)
		}
	}
	resources := pod.Containers[0].Resources
	if resources.Requests["cpu"] == "" || resources.Requests["memory"] == "" || resources.Limits["memory"] == "" {
		t.Errorf("requests or limits are missing: %+v", resources)
	}
}

func TestProbes(t *testing.T) {
	exporter := readManifests(t).Deployment.Spec.Template.Spec.Containers[0]
	routes := string(read(t, "../internal/web/routes.go"))
	for want, got := range map[string]probe{"/-/healthy": exporter.LivenessProbe, "/-/ready": exporter.ReadinessProbe} {
		if got.HTTPGet.Path != want || got.HTTPGet.Port != exporter.Ports[0].Name || !strings.Contains(routes, `"GET `+want+`"`) {
			t.Errorf("probe %+v, want the path %s of the port %s", got.HTTPGet, want, exporter.Ports[0].Name)
		}
	}
}

func TestManifestConfigurationIsValid(t *testing.T) {
	m := readManifests(t)
	cfg, err := config.Parse("config.yaml", []byte(m.ConfigMap.Data["config.yaml"]))
	if err != nil {
		t.Fatal(err)
	}
	assumable := readJSON[policy](t, "iam/assume-roles.json").Statement[0].Resource
	if diff := cmp.Diff(list{cfg.Targets[0].RoleARN}, assumable); diff != "" {
		t.Errorf("the configured role differs from assume-roles.json:\n%s", diff)
	}
	pod := m.Deployment.Spec.Template.Spec
	folder, key := path.Split(cfg.Targets[0].ExternalIDFile)
	if pod.Volumes[1].Secret.SecretName != m.Secret.Metadata.Name || pod.Containers[0].VolumeMounts[1].MountPath+"/" != folder {
		t.Errorf("the Secret is not mounted where external_id_file is: %+v", pod.Volumes[1])
	}
	if required := single(t, "iam/trust-policy.json").Condition["StringEquals"]["sts:ExternalId"]; m.Secret.StringData[key] != required {
		t.Errorf("the external ID is %q, the trust policy requires %q", m.Secret.StringData[key], required)
	}
}

func TestServiceMonitorSelectsTheService(t *testing.T) {
	service := readManifests(t).Service
	type endpoint struct{ Port, Path, Interval string }
	monitor := readYAML[struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   metadata
		Spec       struct {
			Selector struct {
				MatchLabels map[string]string `yaml:"matchLabels"`
			}
			Endpoints []endpoint
		}
	}](t, "kubernetes/servicemonitor.yaml")
	if diff := cmp.Diff(service.Metadata.Labels, monitor.Spec.Selector.MatchLabels); diff != "" {
		t.Errorf("the service's labels (-), the selector (+):\n%s", diff)
	}
	if monitor.Metadata.Namespace != service.Metadata.Namespace {
		t.Errorf("the monitor selects services in %s", monitor.Metadata.Namespace)
	}
	want := []endpoint{{Port: service.Spec.Ports[0].Name, Path: "/metrics", Interval: "60s"}}
	if diff := cmp.Diff(want, monitor.Spec.Endpoints); diff != "" {
		t.Error(diff)
	}
}

func TestKustomization(t *testing.T) {
	base := readYAML[struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Resources  []string
	}](t, "kubernetes/kustomization.yaml")
	if base.APIVersion != "kustomize.config.k8s.io/v1beta1" || base.Kind != "Kustomization" || !slices.Equal(base.Resources, []string{"exporter.yaml"}) {
		t.Errorf("the base is %+v", base)
	}
}
