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
			ObjectMeta: metav1.ObjectMeta{
				Name: "p", Namespace: "n", UID: "u",
				Labels: map[string]string{"app.io/x": "l"}, Annotations: map[string]string{"y": "an"},
			},
			Spec: corev1.PodSpec{ServiceAccountName: "sa"},
		},
		PodIPs: []string{"10.0.0.1", "fd00::1"}, HostIPs: []string{"192.0.2.1"}, NodeName: "node",
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
			field("L", "metadata.labels['app.io/x']"), field("A", "metadata.annotations['y']"),
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
		"IP=10.0.0.1", "IPS=10.0.0.1,fd00::1", "HOST=192.0.2.1", "L=l", "A=an",
		"X=p-$(LATER)!", "LATER=1",
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
	images := map[string]environ.Image{"probe": {}, "agnhost": {Entrypoint: []string{"/agnhost"}}}
	if i, err := environ.FindImage(images, "x/agnhost:1"); err != nil || len(i.Entrypoint) != 1 {
		t.Errorf("image %v, %v", i, err)
	}
	_, err := environ.FindImage(images, "nginx:1")
	var unknown *environ.UnknownImageError
	if !errors.As(err, &unknown) {
		t.Fatalf("error %v, want UnknownImageError", err)
	}
	if diff := cmp.Diff([]string{"agnhost", "probe"}, unknown.Known); diff != "" {
		t.Errorf("known images (-want +got):\n%s", diff)
	}
}

func TestCommand(t *testing.T) {
	image := environ.Image{Entrypoint: []string{"/agnhost"}, Files: map[string]string{"/agnhost": "/host/agnhost"}}
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
			argv, err := environ.Command(&corev1.Container{Command: tc.command, Args: tc.args}, image, vars)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, image.Resolve(argv)); diff != "" {
				t.Errorf("command (-want +got):\n%s", diff)
			}
		})
	}
	if _, err := environ.Command(&corev1.Container{Name: "c", Image: "i"}, environ.Image{}, nil); err == nil {
		t.Error("no error without any command")
	}
	if diff := cmp.Diff([]string{"/agnhost"}, image.Entrypoint); diff != "" {
		t.Errorf("the image was changed (-want +got):\n%s", diff)
	}
}
