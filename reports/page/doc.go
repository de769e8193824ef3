// Package page makes report.html: one file for each run that people open and read offline, with
// tables that need no script and charts and a matrix of cells that do.
//
// It decides what a page shows and in which order, and how the data of its script is packed. It
// must never judge, read a clock or a file, or let a page ask for anything: what a page needs
// is in it. Equal runs give equal bytes.
//
// A Document is what any page is made of: sections of facts, tables and charts. The pages of
// runs and that of trends are Documents, and look alike. The script and its styles are in web;
// what npm builds from them is in built, and committed.
//
//	v1.Run, v1.ScaleData, … ─▶ Document ─▶ report.html
package page
