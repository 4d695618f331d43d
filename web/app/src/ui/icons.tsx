import type { ReactNode } from 'react'

/* Drawn for the shop on a grid of 24, strokes of 1.75. They say nothing by themselves: a word stands beside each. */

function icon(shape: ReactNode) {
  return function Icon({ size = 20 }: { size?: number }) {
    return (
      <svg
        width={size}
        height={size}
        viewBox="0 0 24 24"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.75"
        strokeLinecap="round"
        strokeLinejoin="round"
        aria-hidden="true"
        focusable="false"
      >
        {shape}
      </svg>
    )
  }
}

export const Bag = icon(<path d="M5.5 8.5h13l-.9 10a2 2 0 0 1-2 1.8H8.4a2 2 0 0 1-2-1.8zM8.8 8.5V7a3.2 3.2 0 0 1 6.4 0v1.5" />)
export const Glass = icon(<path d="M10.8 17.6a6.8 6.8 0 1 0 0-13.6 6.8 6.8 0 0 0 0 13.6zM15.8 15.8 20 20" />)
export const Receipt = icon(<path d="M6 3.5h12v17l-2.4-1.6-2.4 1.6-2.4-1.6-2.4 1.6L6 20.5zM9.2 8.5h5.6M9.2 12.5h5.6" />)
export const Person = icon(<path d="M12 11.5a3.8 3.8 0 1 0 0-7.5 3.8 3.8 0 0 0 0 7.5zM4.8 20a7.2 7.2 0 0 1 14.4 0" />)
export const Check = icon(<path d="m5 12.5 4.5 4.5L19 7.5" />)
export const CheckRound = icon(<path d="M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17zM8.2 12.2l2.6 2.6 5-5.2" />)
export const Clock = icon(<path d="M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17zM12 7.5V12l3 2" />)
export const Alert = icon(<path d="M12 4 2.8 19.5h18.4zM12 10v4M12 16.9v.1" />)
export const CrossRound = icon(<path d="M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17zM9 9l6 6M15 9l-6 6" />)
export const Cross = icon(<path d="m6 6 12 12M18 6 6 18" />)
export const Return = icon(<path d="M8.5 5 4.5 9l4 4M4.5 9h9.8a5.2 5.2 0 0 1 0 10.4H9" />)
export const Asking = icon(<path d="M20 12a8 8 0 1 1-2.4-5.7M20 4v3.5h-3.5" />)
export const Plus = icon(<path d="M12 5.5v13M5.5 12h13" />)
export const Minus = icon(<path d="M5.5 12h13" />)
export const Bin = icon(<path d="M4.5 7h15M9.5 7V4.5h5V7M6.5 7l.8 12.5h9.4L17.5 7" />)
export const Copy = icon(<path d="M9 9h10.5v10.5H9zM5.5 15H4.5V4.5H15v1" />)
export const Chevron = icon(<path d="m9.5 5.5 6.5 6.5-6.5 6.5" />)
export const Card = icon(<path d="M3.5 6h17v12h-17zM3.5 10h17M7 14.5h3" />)
export const Bank = icon(<path d="M4 9.5 12 4l8 5.5zM5.5 9.5v8M10 9.5v8M14 9.5v8M18.5 9.5v8M3.5 20h17" />)
export const Transfer = icon(<path d="M4 8.5h15.5M16 5l3.5 3.5L16 12M20 15.5H4.5M8 12l-3.5 3.5L8 19" />)
export const Phone = icon(<path d="M7.5 3.5h9v17h-9zM11 17.5h2" />)
export const Coin = icon(<path d="M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17zM8 9.5l1.6 5 2.4-5 2.4 5 1.6-5M7.5 12h9" />)
export const NoNetwork = icon(<path d="m4 4 16 16M8.5 15.2a5 5 0 0 1 5.8-.9M5.3 11.9a9.6 9.6 0 0 1 4-2.5M13.4 9a9.6 9.6 0 0 1 5.3 2.9M12 19v.1" />)
