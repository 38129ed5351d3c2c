/** The flags with which tests start Chromium. */
export const FLAGS: string[];
/** The path of Chromium; `downloaded` is Playwright's `chromium.executablePath()`. */
export function chromiumPath(downloaded: string): string;
