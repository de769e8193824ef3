package incluster

import (
	"errors"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// events are what happened in a directory, in order.
type events struct{ fd int }

// watchDirectory begins to watch.
func watchDirectory(t *testing.T, dir string) events {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_CREATE|unix.IN_MODIFY|unix.IN_DELETE|unix.IN_MOVED_TO); err != nil {
		t.Fatal(err)
	}
	return events{fd}
}

// lastIsDone checks that done appeared once, whole, and after everything else.
func (e events) lastIsDone(t *testing.T) {
	t.Helper()
	var names []string
	for buf := make([]byte, 1<<16); ; {
		n, err := unix.Read(e.fd, buf)
		if errors.Is(err, unix.EAGAIN) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at < n; {
			event := (*unix.InotifyEvent)(unsafe.Pointer(&buf[at]))
			at += unix.SizeofInotifyEvent
			name := strings.TrimRight(string(buf[at:at+int(event.Len)]), "\x00")
			at += int(event.Len)
			if name == DoneFile && event.Mask&unix.IN_MOVED_TO == 0 {
				t.Errorf("done was written in place (event %#x)", event.Mask)
			}
			names = append(names, name)
		}
	}
	done := 0
	for _, name := range names {
		if name == DoneFile {
			done++
		}
	}
	if done != 1 || names[len(names)-1] != DoneFile {
		t.Errorf("done is not the last, or not once: %q", names)
	}
}
