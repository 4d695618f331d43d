package webtest_test

import "testing"

// TestWeb_FirstLook opens what the printed address shows.
func TestWeb_FirstLook(t *testing.T) {
	t.Parallel()
	p := sharedDev(t).open(t)
	p.visit("/")
	p.sees("모든 상품", "더 보기", "사업자등록번호")
}
