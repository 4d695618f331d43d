package shop

// A Device is what a shopper pays at: a gateway may have a page for each.
type Device string

// The kinds of Device.
const (
	DeviceDesktop Device = "DESKTOP" // a browser of a desk
	DeviceMobile  Device = "MOBILE"  // a browser of a phone
	DeviceApp     Device = "APP"     // a page within an app
)

// CheckoutURLs are the pages at which a payment waits for the shopper, absolute addresses. All
// are "" before the gateway gave them.
type CheckoutURLs struct {
	Desktop string `json:"desktop,omitempty"`
	Mobile  string `json:"mobile,omitempty"`
	App     string `json:"app,omitempty"`
}

// SameCheckout are the pages of a gateway that has one for every device.
func SameCheckout(url string) CheckoutURLs { return CheckoutURLs{Desktop: url, Mobile: url, App: url} }

// For is the page for a device; "" means a desktop.
func (u CheckoutURLs) For(device Device) string {
	switch device {
	case DeviceMobile:
		return u.Mobile
	case DeviceApp:
		return u.App
	default:
		return u.Desktop
	}
}

// A CheckoutURL is the page for a device.
type CheckoutURL struct {
	Device Device
	URL    string
}

// List names the pages that there are.
func (u CheckoutURLs) List() []CheckoutURL {
	list := []CheckoutURL{}
	for _, device := range []Device{DeviceDesktop, DeviceMobile, DeviceApp} {
		if url := u.For(device); url != "" {
			list = append(list, CheckoutURL{device, url})
		}
	}
	return list
}
