/** Puts text on the clipboard, also where a page without TLS has no navigator.clipboard. */
export async function copy(text: string): Promise<void> {
  // The types say that it is always there.
  const clipboard = navigator.clipboard as Clipboard | undefined
  if (clipboard) return clipboard.writeText(text)
  const answer = (event: ClipboardEvent) => {
    event.preventDefault()
    event.clipboardData?.setData('text/plain', text)
  }
  document.addEventListener('copy', answer)
  document.execCommand('copy')
  document.removeEventListener('copy', answer)
}
