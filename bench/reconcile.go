package main

import (
	"bytes"
	"context"
	"fmt"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"payment-system/bench/measure"
)

// reconcileTrials measure the import of Kakao Pay's settlement file of the day, each row of which has its payment in
// the books, beside the reading of the file and plain inserts of its rows. Its operations are rows.
func reconcileTrials(p plan) []trial {
	return []trial{{
		work: "reconcile a row", floorIs: "read the file, multi-row inserts",
		measured: func(ctx context.Context, r *rig) (measure.Sample, error) {
			file, err := r.settlementFile(ctx, p.rows)
			if err != nil {
				return measure.Sample{}, err
			}
			return r.sample(ctx, func(ctx context.Context) (measure.Run, error) { return r.reconcile(ctx, file) })
		},
		floor: func(ctx context.Context, r *rig) (measure.Sample, error) {
			return r.sample(ctx, func(ctx context.Context) (measure.Run, error) {
				began := time.Now()
				rows, err := r.floor.settle(ctx, r.settlementPath())
				return measure.Run{Operations: rows, Elapsed: time.Since(began)}, err
			})
		},
	}}
}

func (r *rig) settlementPath() string { return filepath.Join(r.folder, "kakao.csv") }

// settlementFile has the simulator write a file of so many rows at least. Where there are fewer, more is bought; one
// purchase at least, so that it is a file that nobody has seen yet.
func (r *rig) settlementFile(ctx context.Context, rows int) ([]byte, error) {
	file, err := r.readSettlements(ctx)
	if err != nil {
		return nil, err
	}
	var failed atomic.Pointer[error]
	load := crew{clients: 8, time: batchWithin, limit: max(1, rows-lines(file))}
	_, err = load.do(ctx, func(ctx context.Context, client, _ int) error {
		err := r.purchase(ctx, client, 0) // even ones are Kakao Pay's
		if err != nil {
			failed.Store(&err)
		}
		return err
	})
	if first := failed.Load(); err == nil && first != nil {
		err = *first
	}
	if err != nil {
		return nil, fmt.Errorf("buy what is to be settled: %w", err)
	}
	if file, err = r.readSettlements(ctx); err != nil {
		return nil, err
	}
	return file, os.WriteFile(r.settlementPath(), file, 0o600)
}

func (r *rig) readSettlements(ctx context.Context) (file []byte, err error) {
	err = r.control(ctx, http.MethodGet, "/sim/settlements?pg=KAKAO", nil, &file)
	return file, err
}

// lines counts the rows of a file below its header.
func lines(file []byte) int { return max(0, bytes.Count(file, []byte("\n"))-1) }

// reconcile uploads the file, and is answered once it is planned.
func (r *rig) reconcile(ctx context.Context, file []byte) (measure.Run, error) {
	body, contentType, err := settlementUpload(file)
	if err != nil {
		return measure.Run{}, err
	}
	patient := r.operator
	patient.site.http = &http.Client{Transport: r.site.http.Transport, Timeout: batchWithin}
	began := time.Now()
	response, err := patient.post(ctx, contentType, "application/json", body)
	if err != nil {
		return measure.Run{}, err
	}
	var answer struct {
		ImportSettlement struct {
			Reconciliation struct {
				Status        string
				Rows, Matched int
			}
		}
	}
	if err := decodeAnswer(response, &answer); err != nil {
		return measure.Run{}, err
	}
	run := measure.Run{Operations: lines(file), Elapsed: time.Since(began)}
	if done := answer.ImportSettlement.Reconciliation; done.Rows != run.Operations || done.Matched != run.Operations {
		return run, fmt.Errorf("of a file of %d rows %d were read and %d matched: %s",
			run.Operations, done.Rows, done.Matched, done.Status)
	}
	return run, nil
}

// settlementUpload is the multipart request that carries a file.
func settlementUpload(file []byte) (body *bytes.Buffer, contentType string, err error) {
	const operations = `{"query": "mutation($input: ImportSettlementInput!) {
		importSettlement(input: $input) { reconciliation { status rows matched } } }",
		"variables": {"input": {"pg": "KAKAO", "file": null}}}`
	body = &bytes.Buffer{}
	form := multipart.NewWriter(body)
	for _, field := range [][2]string{
		{"operations", string(bytes.ReplaceAll([]byte(operations), []byte("\n\t\t"), []byte(" ")))},
		{"map", `{"0": ["variables.input.file"]}`},
	} {
		if err := form.WriteField(field[0], field[1]); err != nil {
			return nil, "", err
		}
	}
	part, err := form.CreateFormFile("0", "kakao.csv")
	if err != nil {
		return nil, "", err
	}
	if _, err := part.Write(file); err != nil {
		return nil, "", err
	}
	return body, form.FormDataContentType(), form.Close()
}
