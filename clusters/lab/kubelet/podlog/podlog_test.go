package podlog_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/netassay/netassay/clusters/lab/kubelet/podlog"
)

// clock advances a second per call.
func clock() func() time.Time {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return func() time.Time {
		now = now.Add(time.Second)
		return now
	}
}

func create(t *testing.T) (l *podlog.Log, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "pod", "c", "0.log")
	l, err := podlog.Create(path, clock())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, path
}

func write(t *testing.T, w io.Writer, text string) {
	t.Helper()
	if n, err := io.WriteString(w, text); err != nil || n != len(text) {
		t.Fatalf("write: %d, %v", n, err)
	}
}

func TestRead(t *testing.T) {
	l, path := create(t)
	out, errs := l.Stream("stdout"), l.Stream("stderr")
	write(t, out, "one\ntw")
	write(t, errs, "oops\n")
	write(t, out, "o\n\nthree\n")
	write(t, out, "no newline")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, out, "after the end\n")
	for _, tc := range []struct {
		name string
		o    corev1.PodLogOptions
		want string
	}{
		{"all", corev1.PodLogOptions{}, "one\noops\ntwo\n\nthree\nno newline"},
		{"follow an ended log", corev1.PodLogOptions{Follow: true}, "one\noops\ntwo\n\nthree\nno newline"},
		{"tail", corev1.PodLogOptions{TailLines: ptr.To[int64](2)}, "three\nno newline"},
		{"tail of nothing", corev1.PodLogOptions{TailLines: ptr.To[int64](0)}, ""},
		{"long tail", corev1.PodLogOptions{TailLines: ptr.To[int64](1e9)}, "one\noops\ntwo\n\nthree\nno newline"},
		{
			"timestamps",
			corev1.PodLogOptions{TailLines: ptr.To[int64](2), Timestamps: true},
			"2026-01-01T00:00:03Z three\n2026-01-01T00:00:05Z no newline",
		},
		{"since", corev1.PodLogOptions{SinceTime: ptr.To(metav1.Date(2026, 1, 1, 0, 0, 3, 0, time.UTC))}, "two\n\nthree\nno newline"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got bytes.Buffer
			if err := podlog.Read(t.Context(), path, l, &tc.o, &got); err != nil {
				t.Fatal(err)
			}
			if got.String() != tc.want {
				t.Errorf("read %q, want %q", got.String(), tc.want)
			}
		})
	}
}

func TestLongLine(t *testing.T) {
	l, path := create(t)
	long := strings.Repeat("0123456789", 5000)
	write(t, l.Stream("stdout"), long+"\nend\n")
	var got bytes.Buffer
	if err := podlog.Read(t.Context(), path, nil, &corev1.PodLogOptions{}, &got); err != nil {
		t.Fatal(err)
	}
	if got.String() != long+"\nend\n" {
		t.Errorf("a line of %d bytes became %d bytes", len(long), got.Len())
	}
}

func TestFollow(t *testing.T) {
	l, path := create(t)
	out := l.Stream("stdout")
	write(t, out, "before\n")
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- podlog.Read(t.Context(), path, l, &corev1.PodLogOptions{Follow: true, TailLines: ptr.To[int64](1)}, w)
		w.Close()
	}()
	expect := func(want string) {
		t.Helper()
		got := make([]byte, len(want))
		if _, err := io.ReadFull(r, got); err != nil || string(got) != want {
			t.Fatalf("followed %q, %v; want %q", got, err, want)
		}
	}
	expect("before\n")
	for i := range 100 {
		write(t, out, fmt.Sprintf("line %d\n", i))
		expect(fmt.Sprintf("line %d\n", i))
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
		t.Errorf("after the end: %q, %v", rest, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestFollowEndsWithContext(t *testing.T) {
	l, path := create(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- podlog.Read(ctx, path, l, &corev1.PodLogOptions{Follow: true}, io.Discard) }()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
