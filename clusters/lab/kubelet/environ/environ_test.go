package environ_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netassay/netassay/clusters/lab/kubelet/environ"
)

func TestExpand(t *testing.T) {
	vars := map[string]string{"A": "1", "B": "$(A)", "C": ""}
	for in, want := range map[string]string{
		"":            "",
		"plain":       "plain",
		"$(A)":        "1",
		"x$(A)y$(A)z": "x1y1z",
		"$(B)":        "$(A)",
		"$(C)":        "",
		"$(D)":        "$(D)",
		"$$(A)":       "$(A)",
		"$$$(A)":      "$1",
		"$A":          "$A",
		"$(A":         "$(A",
		"$":           "$",
		"$$":          "$",
		"$()":         "$()",
	} {
		if got := environ.Expand(in, vars); got != want {
			t.Errorf("Expand(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzExpand(f *testing.F) {
	f.Add("a$(A)b$$", "v")
	f.Fuzz(func(t *testing.T, s, v string) {
		got := environ.Expand(s, map[string]string{"A": v})
		if !strings.Contains(s, "$") && got != s {
			t.Errorf("Expand(%q) = %q changes text without references", s, got)
		}
	})
}

func facts() environ.Facts {
	return environ.Facts{
		Pod: &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "n", UID: "u"},
			Spec:       corev1.PodSpec{ServiceAccountName: "sa", NodeName: "node"},
		},
		PodIPs: []string{"10.0.0.1", "fd00::1"}, HostIPs: []string{"192.0.2.1"},
	}
}

func field(name, path string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}}
}

func TestVars(t *testing.T) {
	c := &corev1.Container{
		Name: "c",
		Env: []corev1.EnvVar{
			field("NAME", "metadata.name"), field("NS", "metadata.namespace"), field("UID", "metadata.uid"),
			field("NODE", "spec.nodeName"), field("SA", "spec.serviceAccountName"),
			field("IP", "status.podIP"), field("IPS", "status.podIPs"), field("HOST", "status.hostIP"),
			{Name: "X", Value: "$(NAME)-$(LATER)"},
			{Name: "LATER", Value: "1"},
			{Name: "X", Value: "$(X)!"},
		},
	}
	got, err := environ.Vars(c, facts())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"NAME=p", "NS=n", "UID=u", "NODE=node", "SA=sa",
		"IP=10.0.0.1", "IPS=10.0.0.1,fd00::1", "HOST=192.0.2.1",
		"X=p-$(LATER)", "LATER=1", "X=p-$(LATER)!",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
}

func TestVarsErrors(t *testing.T) {
	for _, tc := range []struct {
		env  corev1.EnvVar
		want string
	}{
		{field("A", "spec.nonsense"), `container c: env A: unknown fieldPath "spec.nonsense"`},
		{
			corev1.EnvVar{Name: "A", ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{Key: "k"}}},
			"container c: env A: the lab knows value and fieldRef only",
		},
	} {
		_, err := environ.Vars(&corev1.Container{Name: "c", Env: []corev1.EnvVar{tc.env}}, facts())
		if err == nil || err.Error() != tc.want {
			t.Errorf("error %v, want %s", err, tc.want)
		}
	}
	_, err := environ.Vars(&corev1.Container{Name: "c", EnvFrom: []corev1.EnvFromSource{{Prefix: "P_"}}}, facts())
	if want := "container c: envFrom: the lab knows env with value and fieldRef only"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestImageName(t *testing.T) {
	for in, want := range map[string]string{
		"agnhost":     "agnhost",
		"agnhost:2.6": "agnhost",
		"registry.k8s.io/e2e-test-images/agnhost:2.61":                  "agnhost",
		"localhost:5000/agnhost":                                        "agnhost",
		"localhost:5000/x/agnhost@sha256:0123":                          "agnhost",
		"registry.k8s.io/e2e-test-images/agnhost:2.61@sha256:0123abcd0": "agnhost",
	} {
		if got := environ.ImageName(in); got != want {
			t.Errorf("ImageName(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestFindImage(t *testing.T) {
	images := map[string]string{"probe": "/host/probe", "agnhost": "/host/agnhost"}
	if i, err := environ.FindImage(images, "x/agnhost:1"); err != nil || i != (environ.Image{Path: "/agnhost", Host: "/host/agnhost"}) {
		t.Errorf("image %v, %v", i, err)
	}
	_, err := environ.FindImage(images, "nginx:1")
	if !errors.Is(err, environ.ErrUnknownImage) {
		t.Fatalf("error %v, want ErrUnknownImage", err)
	}
	if !strings.HasSuffix(err.Error(), `"nginx:1"; known images: agnhost, probe`) {
		t.Errorf("error %v, want the image and the known ones", err)
	}
}

func TestCommand(t *testing.T) {
	image := environ.Image{Path: "/agnhost", Host: "/host/agnhost"}
	vars := []string{"PORT=80"}
	for _, tc := range []struct {
		name          string
		command, args []string
		want          []string
	}{
		{"entrypoint", nil, nil, []string{"/host/agnhost"}},
		{"entrypoint and args", nil, []string{"--port=$(PORT)"}, []string{"/host/agnhost", "--port=80"}},
		{"command replaces entrypoint", []string{"sh"}, []string{"-c"}, []string{"sh", "-c"}},
		{"command in the image", []string{"/agnhost", "pause"}, nil, []string{"/host/agnhost", "pause"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			argv := environ.Command(&corev1.Container{Command: tc.command, Args: tc.args}, image, vars)
			if diff := cmp.Diff(tc.want, image.Resolve(argv)); diff != "" {
				t.Errorf("command (-want +got):\n%s", diff)
			}
		})
	}
}
