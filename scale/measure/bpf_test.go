package measure

import (
	"os"
	"path/filepath"
	"testing"
)

// A map counts once, however often it is open; programs and files are no maps.
func TestReadMaps(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"0": "pos:\t0\nflags:\t0100002\nmnt_id:\t29\n",
		"5": "pos:\t0\nflags:\t02000002\nmap_type:\t1\nkey_size:\t24\nmax_entries:\t512000\nmap_flags:\t0x1\nmemlock:\t20520960\nmap_id:\t7\nfrozen:\t0\n",
		"6": "map_type:\t1\nmemlock:\t20520960\nmap_id:\t7\n",
		"7": "map_type:\t9\nmemlock:\t4096\nmap_id:\t8\n",
		"8": "prog_type:\t3\nmemlock:\t8192\nprog_id:\t7\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := readMaps(dir); err != nil || got != (Maps{2, 20520960 + 4096}) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := ReadMaps(os.Getpid()); err != nil || got != (Maps{}) {
		t.Errorf("of a process without: %+v, %v", got, err)
	}
	if _, err := ReadMaps(1 << 30); err == nil {
		t.Error("no error of a process that there is none of")
	}
}
