package main

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"payment-system/internal/origins"
	"payment-system/internal/text"
)

// shopSettings say what the storefront shows of the shop.
type shopSettings struct {
	ShopName    string `name:"shop-name" env:"SHOP_NAME" placeholder:"NAME" help:"What the storefront is called (the host of PUBLIC_URL)."`
	ShopNotices string `name:"shop-notices" env:"SHOP_NOTICES" placeholder:"LINES" help:"What the law wants at the foot of every page, a line each: who sells, who represents them, registrations, address, telephone. Lines end with a line break or \\n."`
	ImageOrigin string `name:"image-origin" env:"IMAGE_ORIGIN" placeholder:"ORIGIN" help:"Where product images may come from, as in https://images.example.com (nowhere but here)."`

	notices []string // of ShopNotices
}

const (
	maxShopName   = 60  // characters
	maxNotices    = 20  // lines
	maxNoticeLine = 200 // characters
)

// checkShop completes and checks what the storefront shows. PUBLIC_URL has been checked.
func (s *settings) checkShop() (f faults) {
	if s.ShopName == "" {
		if u, err := url.Parse(s.PublicURL); err == nil {
			s.ShopName = u.Hostname()
		}
	}
	if !isLine(s.ShopName, maxShopName) {
		f.add("set SHOP_NAME to at most %d printable characters in one line", maxShopName)
	}
	s.notices = linesOf(s.ShopNotices)
	if len(s.notices) > maxNotices {
		f.add("set SHOP_NOTICES to at most %d lines: it has %d", maxNotices, len(s.notices))
	}
	for _, notice := range s.notices {
		if !isLine(notice, maxNoticeLine) {
			f.add("set SHOP_NOTICES to lines of at most %d printable characters: %.40q is not one", maxNoticeLine, notice)
		}
	}
	return append(f, s.checkImageOrigin()...)
}

// checkImageOrigin writes the origin as browsers do: it becomes part of a policy that they keep.
func (s *shopSettings) checkImageOrigin() (f faults) {
	if s.ImageOrigin == "" {
		return nil
	}
	origin, err := origins.Site(s.ImageOrigin)
	if err != nil {
		f.add("set IMAGE_ORIGIN to a scheme and a host, as in https://images.example.com: %w", err)
	}
	s.ImageOrigin = origin
	return f
}

func isLine(line string, length int) bool {
	return utf8.ValidString(line) && utf8.RuneCountInString(line) <= length && !strings.ContainsFunc(line, text.IsOddInLine)
}

// linesOf splits a setting into lines, at \n too: files of variables cannot hold line breaks. Empty lines
// do not count.
func linesOf(setting string) []string {
	lines := []string{}
	for line := range strings.SplitSeq(strings.ReplaceAll(setting, `\n`, "\n"), "\n") {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}
