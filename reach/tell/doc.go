// Package tell writes what a matrix says: as a table for eyes, as JSON for machines, as a drawing
// for Graphviz and Mermaid, and as a page.
//
// It decides the words and what of a large matrix is shown. It must never judge, read a file, or
// print anything but to the writer that it is given. Equal matrices give equal bytes.
//
//	Matrix ──Reach──▶ Report ──Table, JSON, Dot, Mermaid, HTML──▶ text
package tell
