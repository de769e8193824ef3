package manifest

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// Job is a Job that runs the experiment, with its namespace, account and least rights.
func Job(o Options) ([]byte, error) {
	labels := map[string]string{"app.kubernetes.io/name": name, "app.kubernetes.io/component": o.Experiment}
	in := metav1.ObjectMeta{Name: o.name(), Namespace: o.Namespace, Labels: labels}
	cluster := metav1.ObjectMeta{Name: o.name(), Labels: labels}
	pod := o.podSpec(o.name())
	pod.Containers = []corev1.Container{o.mainContainer(), o.watchContainer("--stay=" + o.Keep.String())}
	pod.Volumes = []corev1.Volume{{Name: volume, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
	parts := []any{
		corev1.Namespace{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
			ObjectMeta: metav1.ObjectMeta{Name: o.Namespace, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}},
		},
		corev1.ServiceAccount{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"}, ObjectMeta: in},
		rawYAML(o.role(cluster)),
		rbacv1.ClusterRoleBinding{
			TypeMeta: metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRoleBinding"}, ObjectMeta: cluster,
			RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: o.name()},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: o.name(), Namespace: o.Namespace}},
		},
		batchv1.Job{
			TypeMeta: metav1.TypeMeta{APIVersion: batchv1.SchemeGroupVersion.String(), Kind: "Job"}, ObjectMeta: in,
			Spec: batchv1.JobSpec{
				BackoffLimit:          ptr.To(int32(0)), // one that was killed has left results
				ActiveDeadlineSeconds: ptr.To(int64((o.Deadline + o.Grace + o.Keep + 30*time.Minute).Seconds())),
				Template:              corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: pod},
			},
		},
	}
	var out bytes.Buffer
	out.WriteString(o.header("job"))
	fmt.Fprintf(&out, jobUse, o.Namespace, o.name(), o.Keep)
	for i, part := range parts {
		if i > 0 {
			out.WriteString("---\n")
		}
		text, err := tidy(part)
		if err != nil {
			return nil, err
		}
		out.Write(text)
	}
	return out.Bytes(), nil
}

const jobUse = `#
#   kubectl apply -f FILE
#   kubectl logs -f -n %[1]s job/%[2]s -c plugin
#   kubectl exec -n %[1]s job/%[2]s -c watch -- /netassay run-in-cluster results > netassay.tar.gz
#
# The last waits for the results, which can be fetched for %[3]v after the experiment's end; the
# Job then is over. kubectl delete -f FILE removes all of it.
`

// role is the ClusterRole as YAML, with the reason of each verb.
func (o Options) role(meta metav1.ObjectMeta) string {
	var out strings.Builder
	fmt.Fprintf(&out, "apiVersion: %s\nkind: ClusterRole\nmetadata:\n  labels:\n", rbacv1.SchemeGroupVersion)
	for _, key := range slices.Sorted(maps.Keys(meta.Labels)) {
		fmt.Fprintf(&out, "    %s: %s\n", key, meta.Labels[key])
	}
	fmt.Fprintf(&out, "  name: %s\nrules:\n", meta.Name)
	for _, kind := range byKind(o.Rights) {
		fmt.Fprintf(&out, "- apiGroups: [%q]\n  resources: [%s]\n  verbs:\n", kind[0].Group, kind[0].Resource)
		for _, r := range kind {
			fmt.Fprintf(&out, "  - %-6s # %s\n", r.Verb, r.Why)
		}
	}
	return out.String()
}

// byKind are the rights with those of one kind of object together, in the order of kinds and verbs.
func byKind(rights []Right) [][]Right {
	rights = slices.Clone(rights)
	slices.SortStableFunc(rights, func(a, b Right) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.Verb, b.Verb))
	})
	var kinds [][]Right
	for _, r := range rights {
		if n := len(kinds); n > 0 && kinds[n-1][0].Group == r.Group && kinds[n-1][0].Resource == r.Resource {
			kinds[n-1] = append(kinds[n-1], r)
			continue
		}
		kinds = append(kinds, []Right{r})
	}
	return kinds
}
