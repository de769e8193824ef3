package page

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
)

// head is the part of a page's data that is JSON. Columns of numbers follow it.
type head struct {
	Charts []Chart `json:"charts"`
	Cells  *cells  `json:"cells,omitempty"`
	Versus *versus `json:"versus,omitempty"`
}

// payload packs what the script needs: the length of the head, the head, and columns, deflated
// and in base64.
func (d *Document) payload() (string, error) {
	charts, err := d.charts()
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(head{charts, d.cells, d.versus})
	if err != nil {
		return "", err
	}
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.DefaultCompression)
	if err != nil {
		return "", err
	}
	parts := [][]byte{binary.LittleEndian.AppendUint32(nil, uint32(len(text))), text}
	if d.cells != nil {
		parts = append(parts, d.cells.columns...)
	}
	for _, p := range parts {
		if _, err := w.Write(p); err != nil {
			return "", err
		}
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(packed.Bytes()), nil
}
